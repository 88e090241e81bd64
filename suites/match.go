package suites

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// response finds the answer in whatever a probe returned.
func response(actual any) (*wire.Response, error) {
	switch a := actual.(type) {
	case *wire.Response:
		return a, nil
	case *probes.Answer:
		return a.Response, nil
	case *probes.Tokens:
		return a.Response, nil
	case *probes.Registration:
		return a.Response, nil
	}
	return nil, fmt.Errorf("%T is no answer", actual)
}

// matcher makes a matcher whose failure message is a sentence.
func matcher(judge func(actual any) (ok bool, message string, err error)) types.GomegaMatcher {
	var message string
	return gcustom.MakeMatcher(func(actual any) (bool, error) {
		ok, said, err := judge(actual)
		message = said
		return ok, err
	}).WithTemplate("{{call .Data}}", func() string { return message })
}

// HaveStatus matches an answer with one of the statuses.
func HaveStatus(statuses ...int) types.GomegaMatcher {
	return matcher(func(actual any) (bool, string, error) {
		res, err := response(actual)
		if err != nil {
			return false, "", err
		}
		want := strings.Trim(strings.ReplaceAll(fmt.Sprint(statuses), " ", " or "), "[]")
		return slices.Contains(statuses, res.Status), fmt.Sprintf("%s was answered %d, not %s", res.From, res.Status, want), nil
	})
}

// BeRefused matches an attack that came to nothing: no access token was issued,
// no client registered, the call not carried out. How it was refused does not
// matter here.
func BeRefused() types.GomegaMatcher {
	return matcher(func(actual any) (bool, string, error) {
		done, what, err := achieved(actual)
		return !done, "it was not refused: " + what, err
	})
}

// BeAccepted matches a sound request that achieved what it was for.
func BeAccepted() types.GomegaMatcher {
	return matcher(func(actual any) (bool, string, error) {
		done, what, err := achieved(actual)
		return done, "it was not accepted: " + what, err
	})
}

// achieved tells whether a request achieved what it was for.
func achieved(actual any) (done bool, what string, err error) {
	switch a := actual.(type) {
	case *probes.Attempt:
		return a.Issued(), a.Ended(), nil
	case *probes.Tokens:
		if a.Issued() {
			return true, a.Response.From + " issued an access token", nil
		}
		return false, strings.TrimSpace(fmt.Sprintf("%s was answered %d %s", a.Response.From, a.Response.Status, a.Error)), nil
	case *probes.Answer:
		return a.Served(), a.From + ": " + a.Said(), nil
	case *probes.Registration:
		if a.Client != nil {
			return true, "the client was registered", nil
		}
		return false, fmt.Sprintf("the registration was answered %d", a.Response.Status), nil
	}
	return false, "", fmt.Errorf("%T achieves nothing", actual)
}

// HaveMediaType matches an answer of the media type, whatever its parameters.
func HaveMediaType(media string) types.GomegaMatcher {
	return matcher(func(actual any) (bool, string, error) {
		res, err := response(actual)
		if err != nil {
			return false, "", err
		}
		return res.MediaType() == media, fmt.Sprintf("%s was answered as %q, not %s", res.From, res.Header.Get("Content-Type"), media), nil
	})
}

// NotBeCacheable matches an answer that forbids storing it (RFC 6749, section
// 5.1; RFC 9111, section 5.2.2.5).
func NotBeCacheable() types.GomegaMatcher {
	return matcher(func(actual any) (bool, string, error) {
		res, err := response(actual)
		if err != nil {
			return false, "", err
		}
		for _, directive := range strings.Split(strings.Join(res.Header.Values("Cache-Control"), ","), ",") {
			if strings.EqualFold(strings.TrimSpace(directive), "no-store") {
				return true, "", nil
			}
		}
		return false, fmt.Sprintf("%s was answered with Cache-Control %q, without no-store", res.From, res.Header.Values("Cache-Control")), nil
	})
}
