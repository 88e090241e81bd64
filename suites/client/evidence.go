package client

import (
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
)

// evidence is what the client and its deployment said to each other, without the
// secrets in it. It is made once: every result that rests on it shares it.
func (t *Trace) evidence() []*wire.Exchange {
	t.redacting.Do(func() { t.said = slices.Clip(t.redacted()) })
	return t.said
}

func (t *Trace) redacted() []*wire.Exchange {
	redactor := wire.NewRedactor()
	for _, x := range t.Seen { // learn first: a secret may be used before it is given
		exchange(redactor, x)
	}
	var all []*wire.Exchange
	for _, x := range t.Seen {
		all = append(all, exchange(redactor, x))
	}
	return all
}

func exchange(r *wire.Redactor, x *reference.Observation) *wire.Exchange {
	message := func(header map[string][]string, body []byte) wire.Message {
		h := r.Header(header)
		return wire.Message{Header: h, Body: r.Body(h.Get("Content-Type"), body)}
	}
	answer := message(x.Answer, x.AnswerBody)
	return &wire.Exchange{
		At: x.At, Took: x.Took, Actor: "client", Purpose: string(x.Party), Method: x.Method, URL: r.URL(x.URL.String()),
		Request: message(x.Header, x.Body), Status: x.Status, Answer: answer,
	}
}
