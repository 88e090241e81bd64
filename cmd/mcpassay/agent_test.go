package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
)

// scripted answers visits in order, and then forever as the last one.
type scripted struct {
	name    string
	log     *[]string
	answers []error
}

func (s *scripted) Authorize(context.Context, probes.Visit) (*probes.Landing, error) {
	*s.log = append(*s.log, s.name)
	var err error
	if len(s.answers) > 0 {
		err = s.answers[0]
	}
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return &probes.Landing{}, err
}

// TestSparing shows which user agent takes which visit.
func TestSparing(t *testing.T) {
	needsBrowser := fmt.Errorf("a page: %w", probes.ErrNeedsBrowser)
	for _, c := range []struct {
		name          string
		fast, browser []error
		visits        int
		want          []string
	}{
		{"the first visit shows the way", nil, nil, 3, []string{"browser", "forms", "forms"}},
		{"no way was shown", nil, []error{probes.ErrStuck, nil}, 3, []string{"browser", "browser", "browser"}},
		{
			"one page needs a browser", []error{nil, needsBrowser, nil}, nil, 4,
			[]string{"browser", "forms", "forms", "browser", "forms"},
		},
		{
			"every page needs a browser", []error{needsBrowser}, nil, 6,
			[]string{"browser", "forms", "browser", "forms", "browser", "forms", "browser", "browser", "browser"},
		},
		{"only forms are refused", []error{probes.ErrCredentialsRefused}, nil, 4, []string{"browser", "forms", "browser", "browser"}},
		{"other trouble is no reason to go elsewhere", []error{errors.New("reset")}, nil, 3, []string{"browser", "forms", "forms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log []string
			agent := &sparing{fast: &scripted{"forms", &log, c.fast}, browser: &scripted{"browser", &log, c.browser}}
			for range c.visits {
				agent.Authorize(t.Context(), probes.Visit{}) //nolint:errcheck // the order is what counts
			}
			if !slices.Equal(log, c.want) {
				t.Errorf("visits went to %v, want %v", log, c.want)
			}
		})
	}
}
