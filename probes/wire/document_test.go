package wire

import (
	"strings"
	"testing"
)

func TestParseDocument(t *testing.T) {
	doc, err := ParseDocument([]byte(` {"s":"x","n":null,"l":["a"],"mixed":["a",1],"i":3,"b":true,"s":"y"} `))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := doc.String("s"); s != "y" || !ok {
		t.Errorf("s is %q, %v", s, ok)
	}
	if len(doc.Duplicate) != 1 || doc.Duplicate[0] != "s" {
		t.Errorf("duplicates: %q", doc.Duplicate)
	}
	if _, ok := doc.String("n"); ok || !doc.Has("n") {
		t.Error("null is there and no string")
	}
	if _, ok := doc.String("i"); ok || doc.Has("absent") {
		t.Error("a number is no string, and what is absent is not there")
	}
	if l, ok := doc.Strings("l"); !ok || len(l) != 1 {
		t.Errorf("l is %q, %v", l, ok)
	}
	if _, ok := doc.Strings("mixed"); ok {
		t.Error("a list with a number is no list of strings")
	}
	if n, ok := doc.Number("i"); n != 3 || !ok {
		t.Errorf("i is %v, %v", n, ok)
	}
	if b, ok := doc.Bool("b"); !b || !ok {
		t.Errorf("b is %v, %v", b, ok)
	}
	var none *Document
	if none.Has("x") {
		t.Error("no document has no members")
	}
	for _, bad := range []string{"", "[]", `"x"`, `{"a":1} {}`, `{"a"}`, "<html>", `{"a":1`, strings.Repeat(`{"a":`, 20000)} {
		if _, err := ParseDocument([]byte(bad)); err == nil {
			t.Errorf("%.20q is a document", bad)
		}
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://a","x":[1,{"y":null}],"issuer":"b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := ParseDocument(body)
		if err != nil {
			return
		}
		for _, name := range doc.Names {
			if !doc.Has(name) {
				t.Errorf("%q is named and not there", name)
			}
			doc.String(name)
			doc.Strings(name)
			doc.Number(name)
			doc.Bool(name)
		}
	})
}
