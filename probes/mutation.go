package probes

import (
	"net/http"
	"net/url"
)

// A Form is the parameters and header of a request before it is sent.
type Form struct {
	Values url.Values
	Header http.Header // ignored for an authorization request, which a browser sends
}

// A Mutation changes a sound request into the one a probe wants.
type Mutation func(*Form)

// With sets a parameter.
func With(name, value string) Mutation {
	return func(f *Form) { f.Values.Set(name, value) }
}

// Add gives a parameter once more.
func Add(name, value string) Mutation {
	return func(f *Form) { f.Values.Add(name, value) }
}

// Without leaves parameters out.
func Without(names ...string) Mutation {
	return func(f *Form) {
		for _, name := range names {
			f.Values.Del(name)
		}
	}
}

// Change replaces the value of a parameter by a function of it.
func Change(name string, change func(string) string) Mutation {
	return func(f *Form) { f.Values.Set(name, change(f.Values.Get(name))) }
}

// WithHeader sets a header field of the request; an empty value removes it.
func WithHeader(name, value string) Mutation {
	return func(f *Form) {
		f.Header.Del(name)
		if value != "" {
			f.Header.Set(name, value)
		}
	}
}

func mutate(f *Form, mutations []Mutation) {
	for _, m := range mutations {
		m(f)
	}
}
