package client

import (
	"context"
	"net/url"

	"github.com/mcpassay/mcpassay/reference"
)

// Found is what is at a URL of the client's own, once it has ended.
type Found struct {
	*reference.Document       // nil: it could not be fetched from here
	Err                 error // why
}

// maxLooks bounds how many URLs of a client are looked at in one situation.
const maxLooks = 3

// look fetches the client's documents, and the pages of a web application, as
// carefully as a server fetches what strangers name.
func (o *Options) look(ctx context.Context, t *Trace) {
	t.hosted, t.Found = o.Hosted, map[string]*Found{}
	for _, r := range t.Authorizations() {
		if t.Situation != Sound && t.Situation != documents {
			return
		}
		for _, address := range []string{r.Params.Get("client_id"), r.Params.Get("redirect_uri")} {
			u, err := url.Parse(address)
			if err != nil || u.Scheme != "https" || t.Found[address] != nil || len(t.Found) >= maxLooks || u.Hostname() == contractHost {
				continue
			}
			got, err := reference.FetchDocument(ctx, o.Documents, address)
			t.Found[address] = &Found{got, err}
		}
	}
}

// contractHost is that of the document which fixtures of the official tool have
// built in. It is nowhere.
const contractHost = "conformance-test.local"
