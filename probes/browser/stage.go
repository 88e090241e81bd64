package browser

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// A stage is a page of ours that starts a visit: as a link does, by sending a
// form, or by showing it in a frame. The containment answers for its origin.
type stage struct{ url, document string }

var stageDocument = template.Must(template.New("stage").Parse(`<!doctype html><title>mcpassay</title>
{{with .Ear}}<meta name="referrer" content="unsafe-url">
<script>addEventListener("message", (e) => {
  const data = typeof e.data === "string" ? e.data : JSON.stringify(e.data);
  window[{{.}}](JSON.stringify({ Origin: e.origin, Data: String(data).slice(0, 20000) }));
});</script>
{{end}}{{if .Framed}}<iframe src="{{.URL}}" width="1000" height="800"></iframe>
{{else if .Popup}}<script>window.open({{.URL}})</script>
{{else if .Form}}<form id="go" method="{{.Form.Method}}" action="{{.URL}}">
{{range $name, $values := .Form.Fields}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}</form><script>HTMLFormElement.prototype.submit.call(document.getElementById("go"))</script>
{{else}}<a id="go" href="{{.URL}}">on</a><script>document.getElementById("go").click()</script>
{{end}}`))

// prepare makes the page that starts the visit, if one is to.
func (v *visit) prepare() error {
	if v.From == "" {
		return nil
	}
	var document bytes.Buffer
	if v.Framed || v.Popup {
		v.ear = "mcpassay" + rand.Text()
	}
	if err := stageDocument.Execute(&document, struct {
		probes.Visit
		Ear string
	}{v.Visit, v.ear}); err != nil {
		return err
	}
	v.stage = &stage{v.From + "/mcpassay-start", document.String()}
	v.staged = v.stage.url
	return nil
}

// begins is where the browser goes first.
func (v *visit) begins() string {
	if v.stage != nil {
		return v.stage.url
	}
	return v.URL
}

// stages tells whether u is the page that starts the visit.
func (v *visit) stages(u *url.URL) bool { return v.stage != nil && u.String() == v.stage.url }

// Leaves tells whether going to u ends the visit.
func (v *visit) Leaves(u *url.URL) bool { return !v.stages(u) && v.Visit.Leaves(u) }

// loads notes a request for something outside the deployment.
func (v *visit) loads(u *url.URL, ev *fetch.EventRequestPaused) {
	if ev.ResourceType == network.ResourceTypeDocument || !strings.HasPrefix(u.Scheme, "http") {
		return
	}
	v.record.mu.Lock()
	defer v.record.mu.Unlock()
	if !v.closed && !slices.Contains(v.landing.Loads, u.String()) && len(v.landing.Loads) < 100 {
		v.landing.Loads = append(v.landing.Loads, u.String())
	}
}

// told notes what a script tells the canary.
func (r *record) told(ev *runtime.EventBindingCalled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && !slices.Contains(r.landing.Scripts, ev.Payload) && len(r.landing.Scripts) < 100 {
		r.landing.Scripts = append(r.landing.Scripts, ev.Payload)
	}
}

// offered notes what the page in front asks for, and what would answer it.
func (v *visit) offered(ctx context.Context, view *signin.View) error {
	if v.Canary != "" {
		if _, err := do[chromedp.Void](ctx, v.front(), "pressScripts"); err != nil && !errors.Is(err, errReplaced) {
			return err
		}
	}
	offer := v.guide.Offer(view)
	var forms probes.Forms
	for into, m := range map[**probes.PageForm]*signin.Move{&forms.Login: offer.Login, &forms.Approve: offer.Approve, &forms.Deny: offer.Deny} {
		form, err := v.front().form(ctx, view.URL, m)
		if err != nil {
			return err
		}
		*into = form
	}
	v.record.mu.Lock()
	defer v.record.mu.Unlock()
	if !v.closed && v.landing.Redirect == nil {
		v.landing.Asks, v.landing.Forms = offer.Asks, forms
	}
	return nil
}

// form is what a move would send; nil if it sends no form.
func (t *tab) form(ctx context.Context, on string, m *signin.Move) (*probes.PageForm, error) {
	if m == nil {
		return nil, nil
	}
	type sent struct {
		Method string      `json:"method"`
		Action string      `json:"action"`
		Fields [][2]string `json:"fields"`
	}
	made := map[string]any{"fill": append([]signin.Entry{}, m.Fill...), "tick": append([]int{}, m.Tick...), "press": m.Press}
	s, err := do[*sent](ctx, t, "sends", made)
	if err != nil || s == nil {
		return nil, err
	}
	f := &probes.PageForm{Page: on, Method: strings.ToUpper(s.Method), Action: s.Action, Fields: url.Values{}}
	if f.Method != http.MethodPost {
		f.Method = http.MethodGet
	}
	for _, field := range s.Fields {
		f.Fields.Add(field[0], field[1])
	}
	return f, nil
}

// framePatience is how long a frame may take to show its document.
const framePatience = 3 * time.Second

// framed looks into the frame of the page in front: what the deployment let it
// show, and what a user could press there.
func (v *visit) framed(ctx context.Context) error {
	var last string
	same := 0
	for deadline := time.Now().Add(framePatience); time.Now().Before(deadline); {
		if _, _, err := v.front().look(ctx, short); err != nil && !errors.Is(err, errReplaced) {
			return err
		}
		inner, shown, err := v.frame(ctx)
		switch {
		case err != nil:
			return err
		case shown == "" || shown == "about:blank": // not yet
			continue
		case shown != last:
			last, same = shown, 0
			continue
		}
		if same++; same < frameLooks {
			continue
		}
		if strings.HasPrefix(shown, "chrome-error:") {
			return nil
		}
		return v.lookInto(ctx, inner)
	}
	return nil
}

// frameLooks is how many looks have to find a frame the same.
const frameLooks = 4

// An inner is a frame within a page: a target of its own where the browser
// isolates sites, else a frame of the page's.
type inner struct {
	target target.ID
	frame  cdp.FrameID
}

// frame finds the frame and says what it shows.
func (v *visit) frame(ctx context.Context) (inner, string, error) {
	res, err := chromedp.CallBrowser(ctx, target.GetTargets, target.GetTargetsParams{})
	if err != nil {
		return inner{}, "", err
	}
	own := chromedp.FromContext(v.main).BrowserContextID
	for _, info := range res.TargetInfos {
		if info.Type == "iframe" && info.BrowserContextID == own && info.URL != "" && info.URL != "about:blank" {
			return inner{target: info.TargetID}, info.URL, nil
		}
	}
	tree, err := chromedp.Call(ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return inner{}, "", err
	}
	if len(tree.FrameTree.ChildFrames) == 0 {
		return inner{}, "", nil
	}
	child := tree.FrameTree.ChildFrames[0]
	if child.Frame.UnreachableURL != "" {
		return inner{}, "chrome-error:", nil
	}
	return inner{frame: child.Frame.ID}, child.Frame.URL, nil
}

// lookInto describes the document in the frame.
func (v *visit) lookInto(ctx context.Context, in inner) error {
	t := &tab{ctx: v.main, Target: v.front().Target, frame: in.frame, visit: v, sent: map[network.RequestID]sent{}, changed: make(chan struct{})}
	if in.target != "" {
		within, cancel := chromedp.NewContext(v.main, chromedp.WithTargetID(in.target))
		defer cancel()
		if err := chromedp.Do(within); err != nil {
			return err
		}
		t.ctx, t.Target = within, chromedp.FromContext(within).Target
	}
	view, err := do[*signin.View](ctx, t, "view")
	if err != nil {
		return err
	}
	offer := v.guide.Offer(view)
	v.record.mu.Lock()
	defer v.record.mu.Unlock()
	v.landing.Framed, v.landing.Asks = view.URL, offer.Asks
	v.landing.Pages = append(v.landing.Pages, probes.Page{URL: view.URL, Title: view.Title, Text: view.Text})
	return nil
}
