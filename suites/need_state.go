package suites

import (
	"context"
	"time"

	"github.com/mcpassay/mcpassay/probes"
)

// StateHandles needs tools that mint and take handles. Which they are only the
// user knows: minting one changes something.
func StateHandles(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.State.Handles != nil, "a tool that mints a state handle and one that takes it (state.handles in the configuration)"
}

// RequestState needs a tool that asks its user something and returns requestState.
func RequestState(ctx context.Context, d *probes.Deployment) (bool, string) {
	q, err := d.Asking(ctx)
	return err != nil || q != nil && q.State != "",
		"a call that the server answers with requestState, and no harmless tool is one (state.rounds in the configuration)"
}

// ExpiringRequestState needs requestState that expires while the run waits.
func ExpiringRequestState(_ context.Context, d *probes.Deployment) (bool, string) {
	if d.Target.State.Rounded == 0 {
		return false, "to know how long requestState is good for (state.rounds.lifetime in the configuration)"
	}
	wait := d.Target.State.Rounded + time.Second
	return wait <= d.Target.Wait, "to wait until requestState has expired, and that takes " + wait.Round(time.Second).String() + " (--wait)"
}

// Tasks needs a server whose calls can become tasks, and a harmless one that does.
func Tasks(ctx context.Context, d *probes.Deployment) (bool, string) {
	offered, err := d.OffersTasks(ctx)
	if err != nil {
		return true, "calls that can become tasks"
	}
	if !offered {
		return false, "calls that can become tasks, and the server's capabilities name none"
	}
	call, err := d.TaskCall(ctx)
	return err != nil || call != nil, "a harmless call that becomes a task (state.task in the configuration)"
}

// MirroredArguments needs a tool with an argument that a header field repeats, and
// values of it.
func MirroredArguments(ctx context.Context, d *probes.Deployment) (bool, string) {
	if d.Target.State.Mirrored != nil {
		return true, ""
	}
	tools, err := d.MirroredTools(ctx)
	if err == nil && len(tools) == 0 {
		return false, "a tool with an argument that a header field repeats (x-mcp-header), and the server lists none"
	}
	return false, "values of mirrored arguments that belong to one user and to another (state.mirrored in the configuration)"
}

// TellingUsersApart needs a harmless call whose result differs between users.
func TellingUsersApart(ctx context.Context, d *probes.Deployment) (bool, string) {
	id, err := d.Identity(ctx)
	return err != nil || id != nil, "a harmless call whose result differs between users (state.identity in the configuration)"
}

// LocalServer needs a server that was named by an address of loopback, on a machine
// that has other addresses too.
func LocalServer(_ context.Context, d *probes.Deployment) (bool, string) {
	if !d.IsLocal() {
		return false, "a server that runs locally"
	}
	return d.HasNeighbours(), "an address of this machine that others can reach, and it has none"
}

// ImplyingScopes needs to know of scopes that imply others.
func ImplyingScopes(_ context.Context, d *probes.Deployment) (bool, string) {
	return len(d.Target.ScopeImplies) > 0, "scopes that imply others (scope_implies in the configuration)"
}

// Elicitation needs a harmless call that the server asks its user something about.
func Elicitation(ctx context.Context, d *probes.Deployment) (bool, string) {
	q, err := d.Asking(ctx)
	return err != nil || q != nil,
		"a call that the server asks its user something about, and no harmless tool is one (state.rounds in the configuration)"
}

// AccountLinks needs a call that asks its user to sign in at a URL. Which is one
// only the user knows: what comes of it stays.
func AccountLinks(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "a call that asks its user to sign in at a URL (state.link in the configuration)"
	if d.Target.State.Link == nil {
		return false, want
	}
	era, err := d.Era(ctx)
	return err != nil || era.IsModern(), want + ", over the wire of revision 2026-07-28"
}
