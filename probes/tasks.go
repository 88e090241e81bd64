package probes

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// tasksExtension names tasks from revision 2026-07-28 on (SEP-2663).
const tasksExtension = "io.modelcontextprotocol/tasks"

// takesTasks are the capabilities of a client that can be given tasks.
var takesTasks = map[string]any{"extensions": map[string]any{tasksExtension: map[string]any{}}}

// A taskWire is a wire over which calls can become tasks.
type taskWire func(ctx context.Context, token string, capabilities map[string]any) (*talk, error)

// OffersTasks tells whether the server says that calls can become tasks.
func (d *Deployment) OffersTasks(ctx context.Context) (bool, error) {
	wires, err := d.taskWires(ctx)
	return len(wires) > 0, err
}

// taskWires are the wires over which the server says so: the newest it speaks,
// and that with sessions.
func (d *Deployment) taskWires(ctx context.Context) ([]taskWire, error) {
	offered, err := Once(d, "tasks offered", func(ctx context.Context) ([]bool, error) {
		d := d.view(ctx)
		newest, err := d.offersTasks(ctx, d.talkAs)
		if err != nil {
			return nil, err
		}
		era, err := d.Era(ctx)
		if err != nil || !era.IsModern() {
			return []bool{newest, false}, err
		}
		kept, err := d.HasSessions(ctx)
		if err != nil || !kept {
			return []bool{newest, false}, err
		}
		inSession, err := d.offersTasks(ctx, d.talkInSession)
		return []bool{newest, inSession}, err
	}).Get(ctx)
	if err != nil {
		return nil, err
	}
	var wires []taskWire
	for i, wire := range []taskWire{d.talkAs, d.talkInSession} {
		if offered[i] {
			wires = append(wires, wire)
		}
	}
	return wires, nil
}

func (d *Deployment) offersTasks(ctx context.Context, begin taskWire) (bool, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return false, err
	}
	t, err := begin(ctx, token, nil)
	if err != nil {
		return false, err
	}
	defer t.end(ctx)
	offers := t.Offers
	if t.session == nil {
		a, err := t.say(wire.For(ctx, "control"), "server/discover", nil)
		if err != nil {
			return false, err
		}
		offers = a.Result
	}
	var said struct {
		Capabilities struct {
			Tasks struct {
				Requests struct {
					Tools struct {
						Call json.RawMessage `json:"call"`
					} `json:"tools"`
				} `json:"requests"`
			} `json:"tasks"`
			Extensions map[string]json.RawMessage `json:"extensions"`
		} `json:"capabilities"`
	}
	if json.Unmarshal(offers, &said) != nil {
		return false, nil // what cannot be read offers nothing
	}
	_, extension := said.Capabilities.Extensions[tasksExtension]
	return t.session == nil && extension || t.session != nil && said.Capabilities.Tasks.Requests.Tools.Call != nil, nil
}

// TaskCall is a harmless call that can become a task: the one the user named, or
// that of a tool which says so and may be called without harm. None: nil.
func (d *Deployment) TaskCall(ctx context.Context) (*ToolCall, error) {
	return Once(d, "task call", func(ctx context.Context) (*ToolCall, error) { return d.view(ctx).findTaskCall(ctx) }).Get(ctx)
}

func (d *Deployment) findTaskCall(ctx context.Context) (*ToolCall, error) {
	if named := d.Target.State.Task; named != nil {
		return named, nil
	}
	t, err := d.taskTalk(ctx)
	if err != nil || t == nil {
		return nil, err
	}
	defer t.end(ctx)
	calls, err := d.SafeTools(ctx, t.token)
	if err != nil {
		return nil, err
	}
	for _, call := range calls[:min(len(calls), maxOperations)] {
		id, err := t.task(ctx, call)
		if err != nil {
			return nil, err
		}
		if id != "" {
			return &call, t.cancel(ctx, id)
		}
	}
	return nil, nil
}

// taskTime is how long a task is asked to be kept, in milliseconds.
const taskTime = 60_000

// task makes a call that may become a task, and returns its id if it does.
func (t *talk) task(ctx context.Context, call ToolCall) (string, error) {
	params := toolParams(call)
	if t.session != nil {
		params["task"] = map[string]any{"ttl": taskTime}
	}
	a, err := t.say(wire.For(ctx, "control"), "tools/call", params, Capable(takesTasks))
	if err != nil {
		return "", err
	}
	var result struct {
		ID   string `json:"taskId"`
		Task struct {
			ID string `json:"taskId"`
		} `json:"task"`
	}
	if !a.Served() || json.Unmarshal(a.Result, &result) != nil {
		return "", nil //nolint:nilerr // what cannot be read is no task
	}
	id := result.ID
	if t.session != nil {
		id = result.Task.ID
	}
	t.d.wire.Redactor.Learn("taskId", id)
	return id, nil
}

// taskTalk begins to talk as the run's first user, over the first wire that has
// tasks; nil if none has.
func (d *Deployment) taskTalk(ctx context.Context) (*talk, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	wires, err := d.taskWires(ctx)
	if err != nil || len(wires) == 0 {
		return nil, err
	}
	return wires[0](ctx, token, nil)
}

// cancel ends a task of one's own.
func (t *talk) cancel(ctx context.Context, id string) error {
	_, err := t.say(wire.For(ctx, "control"), "tasks/cancel", map[string]any{"taskId": id}, Capable(takesTasks))
	return err
}

// A TaskTrial is what the second user could do with a task of the first. HandleNaming it
// stands beside naming a task that nobody has.
type TaskTrial struct {
	Named  map[string]*HandleNaming // by method
	Lists  bool                     // the server lists tasks
	Listed bool                     // among the second user's own
	Ended  bool                     // by the second user's tasks/cancel
}

// TryTasks lets the second user name tasks of the first, who can see them before
// and afterwards, over every wire that has tasks.
func (d *Deployment) TryTasks(ctx context.Context) ([]*TaskTrial, error) {
	return Once(d, "tasks of others", func(ctx context.Context) ([]*TaskTrial, error) {
		d := d.view(ctx)
		call, err := d.TaskCall(ctx)
		if err != nil || call == nil {
			return nil, err
		}
		wires, err := d.taskWires(ctx)
		if err != nil {
			return nil, err
		}
		var all []*TaskTrial
		for _, begin := range wires {
			x, err := d.tryTask(ctx, *call, begin)
			if err != nil {
				return nil, err
			}
			all = append(all, x)
		}
		return all, nil
	}).Get(ctx)
}

func (d *Deployment) tryTask(ctx context.Context, call ToolCall, begin taskWire) (*TaskTrial, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	owner, err := begin(ctx, token, nil)
	if err != nil {
		return nil, err
	}
	defer owner.end(ctx)
	id, err := owner.task(ctx, call)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, &Blocked{By: "task", Owner: reports.Configuration, Err: errors.New("the call of the tool " + call.Name + " did not become a task")}
	}
	before, err := owner.statusOf(ctx, id)
	if err != nil {
		return nil, err
	}
	second, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	other, err := begin(ctx, second, nil)
	if err != nil {
		return nil, err
	}
	defer other.end(ctx)
	x, err := other.reachFor(ctx, id)
	if err != nil {
		return nil, err
	}
	after, err := owner.statusOf(ctx, id)
	if err != nil {
		return nil, err
	}
	x.Ended = before != "cancelled" && after == "cancelled"
	return x, owner.cancel(ctx, id)
}

// statusOf is what its owner sees of a task.
func (t *talk) statusOf(ctx context.Context, id string) (string, error) {
	a, err := t.say(wire.For(ctx, "control"), "tasks/get", map[string]any{"taskId": id}, Capable(takesTasks))
	if err != nil {
		return "", err
	}
	var result struct {
		Status string `json:"status"`
	}
	if !a.Served() || json.Unmarshal(a.Result, &result) != nil {
		return "", &Blocked{By: "task", Owner: reports.ResourceServer, Err: errors.New("tasks/get of its owner was " + a.Said())}
	}
	return result.Status, nil
}

// taskPatience is how long the result of a task is waited for: the method waits
// for the task to end.
const taskPatience = time.Second

// reachFor names a task of somebody else in every method that takes one.
func (t *talk) reachFor(ctx context.Context, id string) (*TaskTrial, error) {
	x := &TaskTrial{Named: map[string]*HandleNaming{}}
	methods := []string{"tasks/get", "tasks/update", "tasks/cancel"}
	if t.session != nil {
		methods[1] = "tasks/result"
		a, err := t.say(wire.For(ctx, "attack"), "tasks/list", nil)
		if err != nil {
			return nil, err
		}
		x.Lists = a.Served()
		x.Listed = x.Lists && strings.Contains(string(a.Result), `"`+id+`"`)
	}
	invented := madeUp(id)
	for _, method := range methods {
		n, err := t.compare(wire.For(ctx, "attack"), method, id, invented)
		if err == nil && n.Real == nil && n.Made != nil { // a slow answer looks the same once
			n, err = t.compare(wire.For(ctx, "attack"), method, id, invented)
		}
		if err != nil {
			return nil, err
		}
		x.Named[method] = n
	}
	return x, nil
}

// compare names a task that nobody has and then the real one. A result that is
// waited for is none: nil.
func (t *talk) compare(ctx context.Context, method, id, invented string) (*HandleNaming, error) {
	n := &HandleNaming{realID: id, madeUpID: invented}
	patience := taskPatience
	for _, named := range []struct {
		id   string
		into **Answer
	}{{invented, &n.Made}, {id, &n.Real}} {
		params := map[string]any{"taskId": named.id}
		brief := ctx
		switch method {
		case "tasks/update":
			params["inputResponses"] = map[string]any{}
		case "tasks/result":
			brief = wire.Within(ctx, patience)
		}
		a, err := t.say(brief, method, params, Capable(takesTasks))
		if err != nil && !errors.Is(err, wire.ErrUnanswered) {
			return nil, err
		}
		if *named.into = a; a != nil {
			patience += 4 * a.Took // a slow server takes its time with this one, too
		}
	}
	return n, nil
}

// TaskIDs has tasks created one after the other, and cancels them.
func (d *Deployment) TaskIDs(ctx context.Context, n int) ([]string, error) {
	call, err := d.TaskCall(ctx)
	if err != nil || call == nil {
		return nil, err
	}
	t, err := d.taskTalk(ctx)
	if err != nil || t == nil {
		return nil, err
	}
	defer t.end(ctx)
	var ids []string
	for range n {
		id, err := t.task(ctx, *call)
		if err != nil {
			return nil, err
		}
		if id == "" {
			return nil, &Blocked{By: "task", Owner: reports.ResourceServer, Err: errors.New("the call of the tool " + call.Name + " did not become a task")}
		}
		ids = append(ids, id)
		if err := t.cancel(ctx, id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
