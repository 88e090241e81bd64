package visits

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/suites"
)

// picturesVariable names a folder in which every page that a test sees is kept.
const picturesVariable = "MCPASSAY_PICTURES"

//go:embed testdata/readable.js
var readable string

var (
	phone     = browser.Look{Width: 390, Height: 844, Phone: true}
	darkPhone = browser.Look{Width: 320, Height: 640, Phone: true, Dark: true}
	desk      = browser.Look{Width: 1280, Height: 800}
)

// A person is somebody with a window and a keyboard, and without a mouse.
type person struct {
	*testing.T
	*browser.Window
	ctx  context.Context
	name string // of the pictures
}

// sit opens a window. Without a browser the test is skipped, unless
// MCPASSAY_REQUIRE_BROWSER is set.
func sit(t *testing.T, b *bench, name string, look browser.Look) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	w, err := browser.OpenWindow(ctx, browser.Options{TrustedKeys: b.keys}, look)
	if errors.Is(err, browser.ErrNoBrowser) && os.Getenv("MCPASSAY_REQUIRE_BROWSER") == "" {
		cancel()
		t.Skip(err)
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return &person{t, w, ctx, name}
}

func (p *person) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatalf("%s: %v", p.name, err)
	}
}

func (p *person) opens(url string) {
	p.Helper()
	p.must(p.Go(url))
}

// sees waits for something to be so in the page.
func (p *person) sees(expression string) {
	p.Helper()
	if err := p.Await(p.ctx, expression); err != nil {
		shown, _ := browser.Ask[string](p.Window, "location.href + ': ' + document.body.innerText") // as far as there is any
		p.Fatalf("%s: %v\n%s", p.name, err, shown)
	}
}

// reads returns the text of an element.
func (p *person) reads(selector string) string {
	p.Helper()
	text, err := browser.Ask[string](p.Window, fmt.Sprintf("document.querySelector(%q).textContent", selector))
	p.must(err)
	return text
}

// maxTabs is more than there are things to tab to on any page.
const maxTabs = 150

// tabsTo presses Tab until the element has the focus, and sees where it is each
// time.
func (p *person) tabsTo(selector string) {
	p.Helper()
	p.sees(fmt.Sprintf("document.querySelector(%q)", selector))
	for range maxTabs {
		there, err := browser.Ask[bool](p.Window, fmt.Sprintf("document.activeElement.matches(%q)", selector))
		p.must(err)
		if there {
			return
		}
		p.must(p.Press(browser.Tab))
		problem, err := browser.Ask[string](p.Window, readable+"; readable.focus()")
		p.must(err)
		if problem != "" {
			p.Fatalf("%s: after Tab: %s", p.name, problem)
		}
	}
	p.Fatalf("%s: Tab does not lead to %s", p.name, selector)
}

// follows presses Enter on an element, and waits for what comes then.
func (p *person) follows(selector, then string) {
	p.Helper()
	p.tabsTo(selector)
	p.must(p.Press(browser.Enter))
	p.sees(then)
}

// looks checks that the page can be read, and keeps a picture of it.
func (p *person) looks(page string) {
	p.Helper()
	p.sees("document.readyState === 'complete'")
	problems, err := browser.Ask[[]string](p.Window, readable+"; readable.all()")
	p.must(err)
	for _, problem := range problems {
		p.Errorf("%s: %s: %s", p.name, page, problem)
	}
	dir := os.Getenv(picturesVariable)
	if dir == "" {
		return
	}
	picture, err := p.Picture()
	p.must(err)
	p.must(os.WriteFile(filepath.Join(dir, "serve-"+p.name+"-"+page+".png"), picture, 0o644))
}

// reported is what no window may have: requests to elsewhere, and errors.
func (p *person) reported(b *bench) {
	p.Helper()
	urls, troubles := p.Requested()
	for _, u := range urls {
		if !strings.HasPrefix(u, b.base+"/") {
			p.Errorf("%s: the pages asked for %s", p.name, u)
		}
	}
	for _, trouble := range troubles {
		p.Errorf("%s: the browser reports: %s", p.name, trouble)
	}
}

// signsIn is the person at the pages of the deployment, where the client has taken
// them.
func signsIn(t *testing.T, b *bench, name string, look browser.Look, user, password string) func(context.Context, *url.URL) (*url.URL, error) {
	return func(_ context.Context, request *url.URL) (*url.URL, error) {
		p := sit(t, b, name, look)
		p.opens(request.String())
		p.tabsTo("input[name=username]")
		p.looks("login")
		p.must(p.Press(user))
		p.tabsTo("input[type=password]")
		p.must(p.Press(password + browser.Enter))
		p.sees("document.querySelector('button[value=allow]') && !document.querySelector('input[type=password]')")
		p.looks("consent")
		p.tabsTo("button[value=allow]")
		p.must(p.Press(browser.Enter))
		answer, err := p.AwaitDocument(p.ctx, "http://localhost:3000/callback?")
		if err != nil {
			return nil, err
		}
		return url.Parse(answer)
	}
}

// TestPerson goes from landing to verdict with a keyboard and a small window, at
// names of their own, with TLS, and twice: with a client that is sound and one that
// is not.
func TestPerson(t *testing.T) {
	b := run(t, true, func(o *Options) { o.Seal = func([]byte) (string, error) { return "sealed", nil } })
	for name, look := range map[string]browser.Look{"phone": phone, "dark": darkPhone} {
		t.Run(name, func(t *testing.T) {
			p := sit(t, b, name, look)
			p.opens(b.base + "/")
			p.looks("landing")
			p.must(p.Press(browser.Tab))
			if first, err := browser.Ask[string](p.Window, "document.activeElement.textContent"); err != nil || !strings.HasPrefix(first, "Skip") {
				t.Errorf("the first thing to tab to is %q: %v", first, err)
			}
			p.tabsTo("#name")
			p.must(p.Press("Ferry"))
			p.follows("button.yes", "document.title.startsWith('Situations')")
			p.looks("overview-before")
			p.visits(b, look, "sound", "works")
			p.visits(b, look, "iss-foreign", "proceeds although it must not", testclient.IssUnchecked)
			p.follows("main p a", "document.title.startsWith('Situations')")
			p.looks("overview-after")
			if tried := p.reads("#tried"); !strings.HasPrefix(tried, "2 of ") {
				t.Errorf("the overview says %q", tried)
			}
			if failed := p.reads("section"); !strings.Contains(failed, "A response with another issuer's iss is discarded") {
				t.Errorf("what failed is %q", failed)
			}
			p.follows("form button", "document.title.startsWith('Everything is forgotten')")
			p.looks("end")
			p.reported(b)
		})
	}
}

// visits takes the bundled client to a situation and has it judged.
func (p *person) visits(b *bench, look browser.Look, id, verdict string, defects ...testclient.Defect) {
	p.Helper()
	if there, err := browser.Ask[bool](p.Window, "document.title.startsWith('Situations')"); err != nil || !there {
		p.follows("main p a", "document.title.startsWith('Situations')")
	}
	p.follows("a[href$='/s/"+id+"']", "document.querySelector('form[action$=start]')")
	p.looks(id + "-before")
	p.follows("form[action$=start] button", "document.getElementById('url')")
	p.looks(id + "-waiting")
	_, err := browser.Ask[bool](p.Window, "window.stayed = true")
	p.must(err)
	ended := make(chan error, 1)
	mcp, user, password := p.reads("#url"), p.reads("#user"), p.reads("#password")
	go func() {
		ended <- testclient.Run(p.ctx, testclient.Options{
			URL: mcp, Revision: string(suites.V20260728), Defects: defects, Transport: b.client.Transport,
			Visit: signsIn(p.T, b, p.name+"-"+id, look, user, password),
		})
	}()
	// The page says so by itself, while it stays where it is.
	p.sees("document.querySelectorAll('#sent li').length > 5")
	p.sees(fmt.Sprintf("document.getElementById('word').textContent === %q && window.stayed", verdict))
	p.looks(id + "-live")
	p.must(<-ended)
	p.follows("form[action$=finish] button", "document.getElementById('verdict').textContent === 'Verdict'")
	if word := p.reads("#word"); word != verdict {
		p.Errorf("%s: %s: the verdict is %q, not %q", p.name, id, word, verdict)
	}
	p.looks(id + "-verdict")
}

// TestPersonWithoutScripts sees the same by following a link, at a desk and at
// ports of this machine.
func TestPersonWithoutScripts(t *testing.T) {
	b := run(t, false, nil)
	look := desk
	look.NoScripts = true
	p := sit(t, b, "desk", look)
	p.opens(b.base + "/")
	p.looks("landing")
	p.tabsTo("input[type=radio]")
	p.must(p.Press(browser.Down))
	p.follows("button.yes", "document.title.startsWith('Situations')")
	p.looks("overview")
	p.follows("a[href$='/s/sound']", "document.querySelector('form[action$=start]')")
	p.follows("form[action$=start] button", "document.getElementById('url')")
	address := p.reads("#url")
	to, in := p.tenant(b), ordinary(t)
	b.connect(t, to.visit(in))
	if mcp := to.visit(in).offer.URL; mcp != address {
		t.Errorf("the page shows %q, not %q", address, mcp)
	}
	if seen := p.reads("#sent"); strings.TrimSpace(seen) != "" {
		t.Errorf("a page without scripts knows of %q", seen)
	}
	p.follows("#live a", "document.querySelectorAll('#sent li').length > 5")
	p.looks("live")
	p.follows("form[action$=finish] button", "document.getElementById('verdict').textContent === 'Verdict'")
	p.looks("verdict")
	p.reported(b)
}

// tenant is the one whose page the person sees.
func (p *person) tenant(b *bench) *tenant {
	p.Helper()
	path, err := browser.Ask[string](p.Window, "location.pathname")
	p.must(err)
	t := b.tenant(strings.Split(path, "/")[2])
	if t == nil {
		p.Fatalf("%s belongs to no tenant", path)
	}
	return t
}
