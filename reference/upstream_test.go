package reference

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/reference/variant"
)

func TestUpstreamGetsAnExchangedToken(t *testing.T) {
	for _, variants := range [][]variant.Variant{nil, {variant.OpaqueTokens}, {variant.PathIssuer}, {variant.OIDCOnly}, {variant.ExtraClaims}, {variant.AudienceArray}} {
		d, token := issued(t, "upstream.read", nil, variants...)
		r := d.tool(token, "upstream_profile")
		if !strings.Contains(said(r), `"user":"alice"`) {
			t.Fatalf("%v: %d %s", variants, r.StatusCode, r.raw)
		}
		received := d.s.Upstream.Received()
		if len(received) != 1 || received[0].In != "header Authorization" || received[0].Token == token || received[0].Token == "" {
			t.Errorf("%v: the upstream received %v", variants, received)
		}
		if r := d.tool(received[0].Token, "whoami"); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: the exchanged token opens the resource server: %d", variants, r.StatusCode)
		}
		req := &order{verb: "GET", target: d.s.Upstream.URL(), header: http.Header{"Authorization": {"Bearer " + token}}}
		if r := d.do(req); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: the caller's token opens the upstream: %d", variants, r.StatusCode)
		}
		if d.s.Upstream.Reset(); len(d.s.Upstream.Received()) != 0 {
			t.Error("the upstream did not forget")
		}
	}
}

func TestUpstreamNotesWhatItIsSent(t *testing.T) {
	d := sitDown(t, Options{})
	d.do(&order{verb: "POST", target: d.s.Upstream.URL() + "?user_token=q", body: "access_token=b",
		header: http.Header{"Authorization": {"Basic h"}, "X-Api-Key": {"k"}, "Content-Type": {"application/x-www-form-urlencoded"}}})
	var noted []string
	for _, c := range d.s.Upstream.Received() {
		noted = append(noted, c.In+"="+c.Token)
	}
	want := []string{"body=access_token=b", "header Authorization=h", "header X-Api-Key=k", "query user_token=q"}
	if !slices.Equal(noted, want) {
		t.Errorf("noted %q", noted)
	}
}
