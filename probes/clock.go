package probes

import (
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// tolerated is a difference of clocks that the Date header cannot tell from the
// way an answer takes.
const tolerated = 3 * time.Second

// readClock learns how fast the deployment's clock is, so that what is said to
// have expired has expired for it too.
func (b *bench) readClock(res *wire.Response) {
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return
	}
	ahead := date.Sub(res.At.Truncate(time.Second))
	if ahead.Abs() <= tolerated {
		return
	}
	b.ahead.Store(int64(ahead))
	if b.Target.Lab != nil {
		b.Target.Lab.SetAhead(ahead)
	}
	for _, c := range b.Target.Clients {
		if c.Signer != nil {
			b.keepTime(c.Signer)
		}
	}
	for _, w := range b.Target.Workloads {
		b.keepTime(w.Signer)
	}
}

// keepTime makes whoever signs for the deployment date by its clock.
func (b *bench) keepTime(signer any) {
	if s, ok := signer.(interface{ SetAhead(time.Duration) }); ok {
		s.SetAhead(time.Duration(b.ahead.Load()))
	}
}

// Now is the deployment's time, as far as it tells. It is known once the
// deployment has been discovered.
func (d *Deployment) Now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }
