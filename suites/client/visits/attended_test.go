package visits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"testing"

	"github.com/mcpassay/mcpassay/suites"
)

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
)

// maxPages is more than there are between a client and its answer.
const maxPages = 10

// patient fills in the pages of a deployment, without a browser.
func (b *bench) patient(t *testing.T, v *visit) func(context.Context, *url.URL) (*url.URL, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	person := *b.client
	person.Jar = jar
	return func(ctx context.Context, request *url.URL) (*url.URL, error) {
		at, form := request, url.Values(nil)
		for range maxPages {
			send := func() (*http.Response, error) { return person.Get(at.String()) }
			if form != nil {
				send = func() (*http.Response, error) { return person.PostForm(at.String(), form) }
			}
			res, err := send()
			if err != nil {
				return nil, err
			}
			_, page := read(t, res)
			if to, err := res.Location(); err == nil {
				if to.Host == "localhost:3000" || ctx.Err() != nil {
					return to, ctx.Err()
				}
				at, form = to, nil
				continue
			}
			action := formAction.FindStringSubmatch(page)
			if action == nil {
				return nil, fmt.Errorf("%s shows no form: %d", at.Path, res.StatusCode)
			}
			form = url.Values{"username": {v.tenant.users[0].Name}, "password": {v.tenant.users[0].Password}, "decision": {"allow"}}
			for _, field := range hidden.FindAllStringSubmatch(page, -1) {
				form.Set(field[1], field[2])
			}
			if at, err = at.Parse(action[1]); err != nil {
				return nil, err
			}
		}
		return nil, errors.New("the pages do not end")
	}
}

// arriveAttending is arriveAs of somebody who signs in.
func (b *bench) arriveAttending(t *testing.T, revision suites.Revision) *tenant {
	t.Helper()
	to, err := b.admit(profile{name: "Ferry", revision: revision, attended: true})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// visitor is who signs in for the bundled client; nil: nobody has to.
func (b *bench) visitor(t *testing.T, v *visit) func(context.Context, *url.URL) (*url.URL, error) {
	if !v.tenant.attended {
		return nil
	}
	return b.patient(t, v)
}
