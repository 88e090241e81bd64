package reference

import "net/http"

// UserAgent is how the servers of a deployment introduce themselves to each other.
const UserAgent = "mcpassay-reference"

// introduced adds the name to every request.
type introduced struct{ http.RoundTripper }

func (i introduced) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", UserAgent)
	return i.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections closes those of the transport behind.
func (i introduced) CloseIdleConnections() {
	if t, ok := i.RoundTripper.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}
