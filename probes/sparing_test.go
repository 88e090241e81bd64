package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// scripted answers visits in order, and then forever as the last one.
type scripted struct {
	name    string
	log     *[]string
	answers []error
}

func (s *scripted) Authorize(context.Context, Visit) (*Landing, error) {
	*s.log = append(*s.log, s.name)
	var err error
	if len(s.answers) > 0 {
		err = s.answers[0]
	}
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return &Landing{}, err
}

// TestSparing shows which user agent takes which visit.
func TestSparing(t *testing.T) {
	needsBrowser := fmt.Errorf("a page: %w", ErrNeedsBrowser)
	for _, c := range []struct {
		name          string
		fast, browser []error
		visits        int
		want          []string
	}{
		{"the first visit shows the way", nil, nil, 3, []string{"browser", "forms", "forms"}},
		{"no way was shown", nil, []error{ErrStuck, nil}, 3, []string{"browser", "browser", "browser"}},
		{
			"one page needs a browser", []error{nil, needsBrowser, nil}, nil, 4,
			[]string{"browser", "forms", "forms", "browser", "forms"},
		},
		{
			"every page needs a browser", []error{needsBrowser}, nil, 6,
			[]string{"browser", "forms", "browser", "forms", "browser", "forms", "browser", "browser", "browser"},
		},
		{"only forms are refused", []error{ErrCredentialsRefused}, nil, 4, []string{"browser", "forms", "browser", "browser"}},
		{"other trouble is no reason to go elsewhere", []error{errors.New("reset")}, nil, 3, []string{"browser", "forms", "forms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log []string
			agent := Sparing(&scripted{"forms", &log, c.fast}, &scripted{"browser", &log, c.browser})
			for range c.visits {
				agent.Authorize(t.Context(), Visit{}) //nolint:errcheck // the order is what counts
			}
			if !slices.Equal(log, c.want) {
				t.Errorf("visits went to %v, want %v", log, c.want)
			}
		})
	}
}
