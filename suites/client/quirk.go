package client

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/reference"
)

// A quirk is something that a deployment does now and then and that a client can
// cope with. Chance decides which ones a deployment has on a bad day.
type quirk struct {
	id     string
	chance float64 // of being drawn
	front  func() front
}

var quirks = []quirk{
	{"call-503-once", 0.3, callUnavailable},
	{"metadata-500-once", 0.3, func() front { return failsFirst(reference.PartyAuthServer, http.StatusInternalServerError) }},
	{"prm-503-once", 0.3, func() front { return failsFirst(reference.PartyResourceServer, http.StatusServiceUnavailable) }},
	{"challenge-twice", 0.3, challengeTwice},
	{"members-reordered", 0.3, membersReordered},
	{"slow-token-response", 0.15, slowToken},
}

// draw returns the quirks of a situation. Equal seeds draw the same.
func (o *Options) draw(in *Situation) []quirk {
	if !in.Chance {
		return nil
	}
	id := fnv.New64a()
	_, _ = io.WriteString(id, in.ID) // never fails
	source := rand.New(rand.NewPCG(o.Seed, id.Sum64()))
	var drawn []quirk
	for _, q := range quirks {
		if source.Float64() < q.chance {
			drawn = append(drawn, q)
		}
	}
	if len(drawn) == 0 {
		drawn = append(drawn, quirks[source.IntN(len(quirks))])
	}
	return drawn
}

func idsOf(quirks []quirk) []string {
	var ids []string
	for _, q := range quirks {
		ids = append(ids, q.id)
	}
	return ids
}

// callUnavailable answers the first call of a tool with 503, without having looked
// at it.
func callUnavailable() front {
	var once sync.Once
	return onCall("tools/call", func(_ *Stage, w http.ResponseWriter, r *http.Request, next http.Handler) {
		failed := false
		once.Do(func() {
			failed = true
			w.Header().Set("Retry-After", "0")
			http.Error(w, "try again", http.StatusServiceUnavailable)
		})
		if !failed {
			next.ServeHTTP(w, r)
		}
	})
}

// failsFirst answers the first request for each of a party's metadata documents
// with a server error.
func failsFirst(party reference.Party, status int) front {
	var mu sync.Mutex
	failed := map[string]bool{}
	return onMetadata(party, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		recorded(next, w, r, func(answer *httptest.ResponseRecorder) {
			mu.Lock()
			defer mu.Unlock()
			if answer.Code != http.StatusOK || failed[r.URL.Path] {
				return
			}
			failed[r.URL.Path] = true
			answer.Code = status
			answer.Body.Reset()
			answer.Header().Set("Content-Type", "text/plain")
			answer.Header().Set("Retry-After", "0")
		})
	})
}

// onMetadata handles requests for metadata of a party, but those of our own
// resource server.
func onMetadata(party reference.Party, handle func(w http.ResponseWriter, r *http.Request, next http.Handler)) front {
	return func(_ *Stage, p reference.Party, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ours := r.Header.Get("User-Agent") == reference.UserAgent
			if p != party || ours || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/.well-known/") {
				next.ServeHTTP(w, r)
				return
			}
			handle(w, r, next)
		})
	}
}

// challengeTwice sends each challenge on two header lines.
func challengeTwice() front {
	return reword(func(_ *http.Request, x *refusal) { x.Challenges = slices.Concat(x.Challenges, x.Challenges) })
}

// membersReordered writes metadata with its members in another order, and with
// white space where JSON allows it.
func membersReordered() front {
	change := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		recorded(next, w, r, func(answer *httptest.ResponseRecorder) {
			var members map[string]json.RawMessage
			if json.Unmarshal(answer.Body.Bytes(), &members) != nil {
				return
			}
			body := &bytes.Buffer{}
			separator := "{"
			for _, name := range slices.Backward(slices.Sorted(maps.Keys(members))) {
				key, err := json.Marshal(name)
				if err != nil {
					return
				}
				body.WriteString(separator + "\n\t" + string(key) + " :\t" + string(members[name]))
				separator = "\n,"
			}
			body.WriteString("\n}\n")
			answer.Body = body
			answer.Header().Del("Content-Length")
		})
	}
	as, rs := onMetadata(reference.PartyAuthServer, change), onMetadata(reference.PartyResourceServer, change)
	return func(s *Stage, party reference.Party, next http.Handler) http.Handler {
		return as(s, party, rs(s, party, next))
	}
}

// slowToken has the token endpoint take its time.
func slowToken() front {
	return at(reference.PartyAuthServer, "/token", func(_ *Stage, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if id, _, ok := r.BasicAuth(); ok && id == reference.ResourceServerClient {
			next.ServeHTTP(w, r)
			return
		}
		select {
		case <-time.After(slowly):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// slowly is longer than anybody likes to wait, and shorter than any sensible limit.
const slowly = 2 * time.Second
