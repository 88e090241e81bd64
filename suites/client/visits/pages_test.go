package visits

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// TestForeignPagesCannotAct shows that no page elsewhere can act in a visitor's
// name, even one that has learnt the address.
func TestForeignPagesCannotAct(t *testing.T) {
	b := run(t, true, nil)
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	in := ordinary(t)
	for _, path := range []string{"/tenants", to.path() + "end", to.situationPath(in) + "/start", to.situationPath(in) + "/finish"} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"} {
			r, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader("revision=2026-07-28"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(name, value)
			res, err := b.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := read(t, res); status != http.StatusForbidden {
				t.Errorf("%s with %s %s is answered %d", path, name, value, status)
			}
		}
		if status, _ := b.get(t, path); status != http.StatusMethodNotAllowed && status != http.StatusNotFound {
			t.Errorf("GET %s is answered %d", path, status)
		}
	}
	if to.over() || to.visit(in) != nil {
		t.Error("something was done all the same")
	}
}

var (
	inline  = regexp.MustCompile(`(?i)<script(?:[^>]*)>\s*[^<\s]|\son[a-z]+=|\sstyle=|<style`)
	outside = regexp.MustCompile(`(?i)(?:src|href|action)="(?:[a-z]+:|//)`)
)

// TestPagesAreOurs shows that pages load nothing from elsewhere, hold no script,
// and say so to the browser.
func TestPagesAreOurs(t *testing.T) {
	b := run(t, true, func(o *Options) { o.Seal = func([]byte) (string, error) { return "", nil } })
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	in := ordinary(t)
	paths := []string{"/", to.path(), to.situationPath(in), "/nowhere", "/t/nobody/", to.situationPath(in) + "x"}
	look := func() {
		for _, path := range paths {
			res, err := b.client.Get(b.base + path)
			if err != nil {
				t.Fatal(err)
			}
			_, body := read(t, res)
			for name, want := range map[string]string{
				"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
				"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
				"Strict-Transport-Security": "max-age=31536000",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
			if found := inline.FindString(body); found != "" {
				t.Errorf("%s holds %q", path, found)
			}
			if found := outside.FindString(body); found != "" {
				t.Errorf("%s leads away: %q", path, found)
			}
			if !strings.Contains(body, `<html lang="en">`) || strings.Count(body, "<h1>") != 1 || !strings.Contains(body, `name="viewport"`) {
				t.Errorf("%s lacks a language, a heading or a viewport", path)
			}
		}
	}
	look()
	b.take(t, to, in)
	look()
	for _, s := range []string{"unsafe-inline", "unsafe-eval", "*", "data:", "http"} {
		if strings.Contains(policy, s) {
			t.Errorf("the policy allows %s", s)
		}
	}
}

// TestHostileTexts shows that nothing that a client or visitor chooses is markup,
// or turns the text around it.
func TestHostileTexts(t *testing.T) {
	const hostile = `<img src=x onerror=alert(1)>"'&` + "\u202egpj.exe\x1b[2J"
	b := run(t, false, nil)
	to := b.arriveAs(t, hostile, suites.V20260728)
	in := ordinary(t)
	v, err := to.start(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, v.offer.URL+"/x?"+url.Values{"q": {hostile}}.Encode(), strings.NewReader(`{"method":`+quote(t, hostile)+`}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	read(t, res)
	b.post(t, to.situationPath(in)+"/finish", nil)
	status, _, landing := b.post(t, "/tenants", url.Values{"name": {hostile}, "redirect_uri": {hostile}, "revision": {"x"}})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("the form is answered %d", status)
	}
	_, overview := b.get(t, to.path())
	_, situation := b.get(t, to.situationPath(in))
	_, live := b.get(t, to.situationPath(in)+"/live")
	for name, body := range map[string]string{"landing": landing, "overview": overview, "situation": situation, "live": live} {
		if strings.Contains(body, "<img") || strings.ContainsAny(body, "\x1b") || strings.Contains(body, "\u202e") {
			t.Errorf("%s shows it as it is", name)
		}
		if !strings.Contains(body, "onerror") {
			t.Errorf("%s does not show it at all", name)
		}
	}
}

func quote(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted)
}

func TestProfiles(t *testing.T) {
	for _, x := range []struct {
		form url.Values
		ok   bool
	}{
		{url.Values{"revision": {"2026-07-28"}}, true},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"https://client.example/callback"}}, true},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"cursor://anysphere.cursor/oauth/callback"}}, true},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"com.example.app:/callback"}}, true},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"http://127.0.0.1/callback"}}, true},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"javascript:alert(1)"}}, false},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"https://client.example/callback#x"}}, false},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"https:///callback"}}, false},
		{url.Values{"revision": {"2026-07-28"}, "redirect_uri": {"callback"}}, false},
		{url.Values{"revision": {"2026-07-28"}, "name": {strings.Repeat("é", 80)}}, true},
		{url.Values{"revision": {"2026-07-28"}, "name": {strings.Repeat("é", 81)}}, false},
		{url.Values{"revision": {"1999-01-01"}}, false},
	} {
		if _, problem := readProfile(x.form); (problem == "") != x.ok {
			t.Errorf("%v: %q", x.form, problem)
		}
	}
}

// TestNames shows that the server answers under its own names only.
func TestNames(t *testing.T) {
	for _, named := range []bool{true, false} {
		b := run(t, named, nil)
		for _, host := range []string{"elsewhere.example", "mcp-guessed." + b.Base.Host, "127.0.0.1"} {
			r, err := http.NewRequest(http.MethodGet, b.base+"/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			res, err := b.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := read(t, res); status != http.StatusMisdirectedRequest {
				t.Errorf("%s is answered %d", host, status)
			}
		}
	}
}

// secrets look like what must not be shown: tokens, codes and the like.
var secrets = regexp.MustCompile(`eyJ[\w-]{10,}|(?:code|code_verifier|client_secret|refresh_token|access_token)=[\w-]{20,}`)

func TestReports(t *testing.T) {
	b := run(t, true, func(o *Options) {
		o.Seal = func(text []byte) (string, error) { return "sealed " + string(text), nil }
	})
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	in := ordinary(t)
	if status, body := b.get(t, to.path()+"report/statement.jws"); status != http.StatusConflict || !strings.Contains(body, "at least one situation") {
		t.Errorf("a statement of nothing is answered %d", status)
	}
	if _, err := to.start(in); err != nil {
		t.Fatal(err)
	}
	if status, _ := b.get(t, to.path()+"report/statement.jws"); status != http.StatusConflict {
		t.Errorf("a statement of what is under way is answered %d", status)
	}
	b.take(t, to, in)
	files := map[string]string{}
	for name := range downloads {
		status, body := b.get(t, to.path()+"report/"+name)
		if status != http.StatusOK {
			t.Fatalf("%s is answered %d: %s", name, status, body)
		}
		files[name] = body
	}
	if status, _ := b.get(t, to.path()+"report/nothing"); status != http.StatusNotFound {
		t.Errorf("a file that does not exist is answered %d", status)
	}
	report, err := reports.ReadJSON(strings.NewReader(files[reports.JSONFile]))
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Find("client-pkce-s256"); r == nil || r.Outcome != reports.Pass || report.Target != "Ferry" {
		t.Errorf("the report says %+v", r)
	}
	if r := report.Find("client-mix-up-fails"); r == nil || r.Outcome != reports.Inconclusive || !strings.Contains(r.Message, "nobody has taken the client there") {
		t.Errorf("what was not tried is %+v", r)
	}
	statement, err := reports.ReadStatement([]byte(strings.TrimSuffix(strings.TrimPrefix(files[statementFile], "sealed "), "\n")))
	if err != nil || statement.Check() != nil || len(statement.Situations) != 1 || statement.Client.Name != "Ferry" {
		t.Errorf("the statement is %+v: %v", statement, err)
	}
	archive, err := zip.NewReader(strings.NewReader(files[folderFile]), int64(len(files[folderFile])))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
		if f.FileInfo().IsDir() {
			continue
		}
		opened, err := archive.Open(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(opened); err == nil && secrets.Match(text.Bytes()) {
			t.Errorf("%s holds %q", f.Name, secrets.Find(text.Bytes()))
		}
	}
	for _, name := range []string{"junit.xml", "report.json", "statement.jws", "badge.svg", "transcripts/sound.txt"} {
		if !slices.Contains(names, name) {
			t.Errorf("the archive has no %s among %v", name, names)
		}
	}
	_, page := b.get(t, to.situationPath(in))
	if found := secrets.FindString(page); found != "" {
		t.Errorf("the page shows %q", found)
	}
}
