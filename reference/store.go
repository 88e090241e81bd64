package reference

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"
)

// A shelf keeps values for a while, and only so many of them: the oldest makes
// room for the newest, so that no caller can exhaust the memory.
type shelf[V any] struct {
	values map[string]shelved[V]
	order  []string // of arrival; may name what has since been removed
}

type shelved[V any] struct {
	value V
	until time.Time
}

const shelfSize = 10_000

func newShelf[V any]() *shelf[V] { return &shelf[V]{values: map[string]shelved[V]{}} }

func (s *shelf[V]) put(key string, value V, until time.Time) {
	if _, known := s.values[key]; !known {
		s.order = append(s.order, key)
	}
	s.values[key] = shelved[V]{value, until}
	for len(s.order) > shelfSize {
		delete(s.values, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *shelf[V]) get(key string, now time.Time) (value V, ok bool) {
	kept, ok := s.values[key]
	if !ok {
		return value, false
	}
	if !now.Before(kept.until) {
		s.remove(key)
		return value, false
	}
	return kept.value, true
}

func (s *shelf[V]) remove(key string) {
	if _, known := s.values[key]; known {
		delete(s.values, key)
		s.order = slices.DeleteFunc(s.order, func(k string) bool { return k == key })
	}
}

// sweep removes what has expired.
func (s *shelf[V]) sweep(now time.Time) {
	s.order = slices.DeleteFunc(s.order, func(key string) bool {
		expired := !now.Before(s.values[key].until)
		if expired {
			delete(s.values, key)
		}
		return expired
	})
}

// full tells whether another value would push out a live one.
func (s *shelf[V]) full(now time.Time) bool {
	if len(s.order) >= shelfSize {
		s.sweep(now)
	}
	return len(s.order) >= shelfSize
}

// secret returns 256 random bits, fit for URLs.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// digest is what we keep of a credential: whoever reads the store cannot use it.
func digest(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// same compares secrets in time that does not depend on where they differ.
func same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
