package opener

import (
	"context"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mcpassay/mcpassay/probes/launch"
)

// Options say what a client is started with.
type Options struct {
	Dir       string                             // for what the client needs; the caller's to remove
	Visit     Visitor                            // nil: Follow, trusting the authority as well
	Lead      func(response *url.URL) []*url.URL // see Opener.Lead
	Authority []byte                             // certificate of an authority that the client is to trust, in PEM; nil: nobody's

	// Hear makes launch.Command.Hear of a client that shows URLs rather than open
	// them; nil: the command's own.
	Hear func(*Opener) func(said string) (say string, enough bool)
}

// Run starts a client with an opener that catches what it wants opened, and waits
// for its end.
func Run(ctx context.Context, c launch.Command, o Options) (*launch.Exit, error) {
	trusting, err := Trusting(o.Dir, o.Authority)
	if err != nil {
		return nil, err
	}
	visit := o.Visit
	if visit == nil {
		visit = Follow
		if roots := x509.NewCertPool(); roots.AppendCertsFromPEM(o.Authority) {
			visit = Following(roots)
		}
	}
	catching, err := Start(ctx, o.Dir, visit)
	if err != nil {
		return nil, err
	}
	catching.Lead(o.Lead)
	c.Env = append(append(c.Env, trusting...), catching.Variables()...)
	c.Without = append(c.Without, Desktop...)
	if o.Hear != nil {
		c.Hear = o.Hear(catching)
	}
	exit, err := launch.Run(ctx, c)
	opened, trouble := catching.Close()
	if exit != nil {
		exit.Intercepted, exit.Opened, exit.Answers = true, opened, catching.Answers()
		if trouble != nil {
			exit.Output += "\n" + trouble.Error()
		}
	}
	return exit, err
}

// Trusting writes an authority's certificate into a folder and returns the variables
// by which common programs are told to trust it: those of OpenSSL, Go and others
// that follow them, Node.js, Deno, curl, and Requests.
func Trusting(dir string, authority []byte) ([]string, error) {
	if authority == nil {
		return nil, nil
	}
	file := filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		return nil, err
	}
	var all []string
	for _, name := range []string{"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"} {
		all = append(all, name+"="+file)
	}
	return all, nil
}
