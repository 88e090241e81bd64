package reports

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes/wire"
)

func TestCurl(t *testing.T) {
	got := curl(sample().Results[0].Evidence[1])
	want := `curl -sSig \
  -X POST \
  http://127.0.0.1:7001/mcp \
  -H 'Authorization: Bearer '"$jwt_deadbeef" \
  --data-raw 'it'\''s {"method":"x"}'`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := curl(&wire.Exchange{Actor: "browser", Step: "clicked"}); got != "" {
		t.Errorf("a step became the command %q", got)
	}
	if got := curl(&wire.Exchange{Method: "GET", URL: "http://h/a/../b", Request: wire.Message{Header: http.Header{"X-Empty": {""}}}}); !strings.Contains(got, "--path-as-is") || !strings.Contains(got, "'X-Empty;'") {
		t.Errorf("the path would be normalised or the empty field lost:\n%s", got)
	}
}

// TestShellQuotes lets a shell read what was quoted.
func TestShellQuotes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	for _, word := range []string{"plain", "", "it's", "$(id) `id` \\ \" !x *", "a\nb", "\x1b[31m\u202e\r\xff\\'", hostileText[1<<4 : 200]} {
		word = strings.ReplaceAll(word, "\x00", "")
		out, err := exec.Command(bash, "-c", "printf %s "+shell(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q came out as %q (%v)", word, out, err)
		}
		if r := unsafe(shell(word)); r != 0 {
			t.Errorf("the quoted form of %q holds %U", word, r)
		}
	}
}
