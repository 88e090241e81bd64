package wire

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChallenges(t *testing.T) {
	tests := map[string]struct {
		lines []string
		want  []Challenge
		wrong int
	}{
		"plain":          {[]string{`Bearer realm="x", scope="a b"`}, []Challenge{{Scheme: "Bearer", Params: []Param{{"realm", "x"}, {"scope", "a b"}}}}, 0},
		"no parameters":  {[]string{`Bearer`}, []Challenge{{Scheme: "Bearer"}}, 0},
		"spaces round =": {[]string{`bearer  ERROR = "invalid_token"  ,, scope=a`}, []Challenge{{Scheme: "bearer", Params: []Param{{"error", "invalid_token"}, {"scope", "a"}}}}, 0},
		"comma and quote inside": {[]string{`Bearer error_description="say \"no\", please", resource_metadata="https://x/y?a=b,c"`},
			[]Challenge{{Scheme: "Bearer", Params: []Param{{"error_description", `say "no", please`}, {"resource_metadata", "https://x/y?a=b,c"}}}}, 0},
		"several on a line": {[]string{`Basic realm="a", DPoP algs="ES256", Bearer scope="s"`},
			[]Challenge{{Scheme: "Basic", Params: []Param{{"realm", "a"}}}, {Scheme: "DPoP", Params: []Param{{"algs", "ES256"}}}, {Scheme: "Bearer", Params: []Param{{"scope", "s"}}}}, 0},
		"several lines":    {[]string{`Negotiate`, `Bearer scope=s`}, []Challenge{{Scheme: "Negotiate"}, {Scheme: "Bearer", Params: []Param{{"scope", "s"}}}}, 0},
		"bare schemes":     {[]string{`Negotiate, Bearer`}, []Challenge{{Scheme: "Negotiate"}, {Scheme: "Bearer"}}, 0},
		"token68":          {[]string{`Negotiate abcd==, Bearer`}, []Challenge{{Scheme: "Negotiate", Token68: "abcd=="}, {Scheme: "Bearer"}}, 0},
		"duplicate":        {[]string{`Bearer scope=a, scope=b`}, []Challenge{{Scheme: "Bearer", Params: []Param{{"scope", "a"}, {"scope", "b"}}}}, 1},
		"open quote":       {[]string{`Bearer scope="a`}, []Challenge{{Scheme: "Bearer"}}, 1},
		"missing comma":    {[]string{`Bearer error="x" scope="y"`}, []Challenge{{Scheme: "Bearer", Params: []Param{{"error", "x"}, {"scope", "y"}}}}, 1},
		"no scheme":        {[]string{`scope="a"`}, nil, 1},
		"swallowed by ...": {[]string{`Bearer error_description="m, resource_metadata=https://x"`}, []Challenge{{Scheme: "Bearer", Params: []Param{{"error_description", "m, resource_metadata=https://x"}}}}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, wrong := Challenges(http.Header{"Www-Authenticate": tt.lines})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("challenges (-want +got):\n%s", diff)
			}
			if len(wrong) != tt.wrong {
				t.Errorf("complaints: %q, want %d", wrong, tt.wrong)
			}
		})
	}
}

func FuzzChallenges(f *testing.F) {
	for _, seed := range []string{`Bearer a="b", c=d`, `Negotiate abc==`, `Bearer a="\`, `,,,=`, "Bearer\t\x00="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		challenges, _ := Challenges(http.Header{"Www-Authenticate": {line}})
		for _, c := range challenges {
			if c.Scheme == "" {
				t.Error("a challenge without a scheme")
			}
		}
	})
}
