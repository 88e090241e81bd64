package reports

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes/wire"
)

func TestExcerpt(t *testing.T) {
	html, data := http.Header{"Content-Type": {"text/html; charset=utf-8"}}, http.Header{"Content-Type": {"application/json"}}
	long := strings.Repeat("é", bodyKept)
	for name, c := range map[string]struct {
		message wire.Message
		body    string
		cut     bool
	}{
		"a short page":       {wire.Message{Header: html, Body: "<p>no</p>"}, "<p>no</p>", false},
		"its looks":          {wire.Message{Header: html, Body: "<STYLE nonce=a>p{}\n</STYLE ><p>no</p><svg/>"}, "<STYLE nonce=a>…</STYLE ><p>no</p><svg/>", true},
		"unclosed looks":     {wire.Message{Header: html, Body: "<style>p{}"}, "<style>p{}", false},
		"a long page":        {wire.Message{Header: html, Body: long}, long[:pageLimit], true},
		"not a page":         {wire.Message{Header: data, Body: "<style>p{}</style>"}, "<style>p{}</style>", false},
		"a long document":    {wire.Message{Header: data, Body: "x" + long}, ("x" + long)[:bodyKept-1], true},
		"what was cut":       {wire.Message{Body: "x", Truncated: true}, "x", true},
		"nothing whatsoever": {},
	} {
		if got := excerpt(c.message, bodyKept); got.Body != c.body || got.Truncated != c.cut {
			t.Errorf("%s: cut: %t, %d bytes: %.80q", name, got.Truncated, len(got.Body), got.Body)
		}
	}
	if got := excerpt(wire.Message{Header: html, Body: long}, brief); len(got.Body) != brief {
		t.Errorf("%d bytes are brief", len(got.Body))
	}
}

func TestDecisive(t *testing.T) {
	ask := func(purpose string, status int) *wire.Exchange {
		return &wire.Exchange{Purpose: purpose, Method: "POST", URL: "http://as.example/token", Status: status}
	}
	step := &wire.Exchange{Step: "pressed Allow"}
	before, refused, worked, after := ask("control", 200), ask("attack", 400), ask("attack", 200), ask("control", 200)
	exchanges := []*wire.Exchange{before, worked, refused, after, nil, step}
	for name, c := range map[string]struct {
		result Result
		want   *wire.Exchange
	}{
		"the attack that worked":             {Result{Outcome: Fail, Message: "POST http://as.example/token issued an access token", Evidence: exchanges}, worked},
		"an attack, though nothing is named": {Result{Outcome: Fail, Evidence: []*wire.Exchange{before, refused, after}}, refused},
		"the control that fell":              {Result{Outcome: Inconclusive, Message: "POST http://as.example/token was answered 429", Evidence: exchanges}, after},
		"a step":                             {Result{Outcome: Review, Evidence: []*wire.Exchange{step}}, step},
		"nothing":                            {Result{Outcome: Fail}, nil},
	} {
		if got := decisive(&c.result); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
