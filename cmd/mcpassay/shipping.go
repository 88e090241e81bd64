package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/probes/opener"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites/client"
)

// shippingFlags are for clients that were not written for tests.
type shippingFlags struct {
	OpensBrowser bool   `help:"The client opens a browser: catch what it opens, and be its user."`
	UserAgent    string `default:"redirects" enum:"redirects,browser" help:"With --opens-browser: follow redirects without a browser, or sign in and agree in headless Chromium (default: ${default})."`
	Browser      string `env:"MCPASSAY_BROWSER" placeholder:"PATH" help:"Chromium to use."`

	RedirectURI []string `placeholder:"URI" help:"Redirect URI of the client, for deployments that register it by hand; any port of a loopback address matches. Without one such deployments are left out."`

	URLEnv  string            `placeholder:"NAME" help:"Give the client its URL in this environment variable."`
	URLFile map[string]string `placeholder:"PATH=TEMPLATE" mapsep:"none" help:"Write this file in the client's home folder; {url} stands for the URL."`

	Say       string         `placeholder:"TEXT" help:"Write this line to the client's stdin; {url} stands for the URL."`
	SayAt     *regexp.Regexp `placeholder:"REGEX" help:"Wait for this output before."`
	Connected *regexp.Regexp `placeholder:"REGEX" help:"Output by which the client shows that it has done its work. It is then stopped, which is no failure."`
	Shows     *regexp.Regexp `placeholder:"REGEX" help:"Output in which the client shows the authorization URL for its user to open, if it opens none itself: the first group, or all of it."`
}

// placeholder stands for the URL of the MCP server.
const placeholder = "{url}"

// intercepts tells whether somebody is to be the client's user.
func (f *shippingFlags) intercepts() bool { return f.OpensBrowser || f.Shows != nil }

// wanted tells whether the client is not one that was written for tests.
func (f *shippingFlags) wanted(line string) bool {
	return f.intercepts() || f.URLEnv != "" || len(f.URLFile) > 0 || f.Say != "" || f.Connected != nil || strings.Contains(line, placeholder)
}

// visitor is the client's user. The caller closes what it needs.
// Nil follows redirects.
func (f *shippingFlags) visitor(ctx context.Context, authority *certs.Authority) (opener.Visitor, func() error, error) {
	if !f.intercepts() || f.UserAgent != inBrowser {
		return nil, func() error { return nil }, nil
	}
	b, err := startBrowser(ctx, browser.Options{Path: f.Browser, TrustedKeys: []string{authority.KeyDigest()}}, byRedirects)
	if err != nil {
		return nil, nil, err
	}
	user := reference.DefaultUsers[0]
	return func(ctx context.Context, request *url.URL) (*url.URL, error) {
		if err := opener.Local(request); err != nil {
			return nil, err
		}
		landing, err := b.Authorize(ctx, probes.Visit{
			URL: request.String(), RedirectURI: request.Query().Get("redirect_uri"),
			Origins: []string{request.Scheme + "://" + request.Host},
			User:    probes.User{Name: user.Name, Password: user.Password},
		})
		if err != nil {
			return nil, errors.New("the login and consent pages could not be passed")
		}
		return landing.Redirect, nil
	}, b.Close, nil
}

// shipping is a client that is started anew for each situation, with a home of its
// own.
type shipping struct {
	*shippingFlags
	line    string
	timeout time.Duration
	visit   opener.Visitor
}

// plainURL is what may stand in a command line without quotes.
var plainURL = regexp.MustCompile(`^[A-Za-z0-9:/._-]+$`)

func (s *shipping) Connect(ctx context.Context, o client.Offer) (exit *launch.Exit, err error) {
	if !plainURL.MatchString(o.URL) {
		return nil, fmt.Errorf("the URL %q cannot stand in a command line", o.URL)
	}
	if o.Context["client_id"] != "" && len(s.RedirectURI) == 0 {
		return nil, errors.New("it is to be registered by hand, and --redirect-uri does not say where it wants its answers")
	}
	dir, err := os.MkdirTemp("", "mcpassay-client-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	command, err := s.command(dir, o)
	if err != nil {
		return nil, err
	}
	if !s.intercepts() {
		trusting, err := opener.Trusting(dir, o.Authority)
		if err != nil {
			return nil, err
		}
		command.Env = append(command.Env, trusting...)
		command.Hear = s.hear(o.URL, func(string) {})
		return launch.Run(ctx, command)
	}
	return opener.Run(ctx, command, opener.Options{
		Dir: dir, Visit: s.visit, Lead: o.Callbacks, Authority: o.Authority,
		Hear: func(catching *opener.Opener) func(string) (string, bool) {
			return s.hear(o.URL, func(shown string) { catching.Open(ctx, shown, false) })
		},
	})
}

// command is how the client is started with a folder of its own.
func (s *shipping) command(dir string, o client.Offer) (launch.Command, error) {
	env, err := o.Variables()
	if err != nil {
		return launch.Command{}, err
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return launch.Command{}, err
	}
	fill := strings.NewReplacer(placeholder, o.URL, "{home}", home).Replace
	for name, template := range s.URLFile {
		if !filepath.IsLocal(name) {
			return launch.Command{}, fmt.Errorf("the file %q is not within the client's home", name)
		}
		file := filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(fill(template)), 0o600)); err != nil {
			return launch.Command{}, err
		}
	}
	env = append(env, "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_CACHE_HOME="+filepath.Join(home, ".cache"),
		"XDG_DATA_HOME="+filepath.Join(home, ".local", "share"))
	if s.URLEnv != "" {
		env = append(env, s.URLEnv+"="+o.URL)
	}
	elsewhere := s.URLEnv != "" || len(s.URLFile) > 0 || strings.Contains(s.Say, placeholder) || strings.Contains(s.line, placeholder)
	return launch.Command{Shell: strings.ReplaceAll(s.line, placeholder, o.URL), URL: o.URL, Bare: elsewhere, Env: env, Timeout: s.timeout}, nil
}

// hear reacts to what the client writes: it speaks once, opens each URL that is
// shown once, and says when it is enough.
func (s *shipping) hear(mcp string, open func(string)) func(string) (string, bool) {
	spoken, opened := s.Say == "", map[string]bool{}
	return func(said string) (say string, enough bool) {
		if !spoken && (s.SayAt == nil || s.SayAt.MatchString(said)) {
			spoken, say = true, strings.ReplaceAll(s.Say, placeholder, mcp)+"\n"
		}
		if s.Shows != nil {
			for _, found := range s.Shows.FindAllStringSubmatch(said, maxShown) {
				if shown := found[len(found)-1]; !opened[shown] {
					opened[shown] = true
					open(shown)
				}
			}
		}
		return say, s.Connected != nil && s.Connected.MatchString(said)
	}
}

// maxShown bounds the authorization URLs that a client shows.
const maxShown = 20
