package reference

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// taskTool is the tool that can be called as a task.
const taskTool = "review_notes"

// tasksExtension is what tasks are called from 2026-07-28 on; in 2025-11-25 they
// are a capability of the core.
const tasksExtension = "io.modelcontextprotocol/tasks"

// Tasks are calls whose results are fetched later, by id. A task belongs to the
// caller whose token created it; for anybody else it does not exist (MCP
// 2025-11-25, Tasks, Security; SEP-2663).
type tasks struct {
	mu    sync.Mutex
	known map[string]*task
}

type task struct {
	ID, Owner, Status string
	Created           time.Time
	done              chan struct{} // closed when it has ended
}

// taskLifetime is how long a task is kept, or until others need the place.
const taskLifetime = time.Minute

// add creates a task, which waits until it is cancelled.
func (t *tasks) add(f fault.Set, who *caller) *task {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, old := range t.known {
		if time.Since(old.Created) > taskLifetime || len(t.known) >= maxRemembered {
			delete(t.known, id)
		}
	}
	one := &task{ID: rand.Text(), Owner: who.identity(), Status: "working", Created: time.Now(), done: make(chan struct{})}
	if f.Has(fault.TaskSequential) {
		one.ID = fmt.Sprintf("task-%d", len(t.known)+1)
	}
	t.known[one.ID] = one
	return one
}

// of is the caller's task of that id, as its owner may see it.
func (t *tasks) of(who *caller, id string, toAnyone bool) (task, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.known[id]
	if !ok || one.Owner != who.identity() && !toAnyone {
		return task{}, errNoTask
	}
	return *one, nil
}

func (t *tasks) cancel(who *caller, id string, byAnyone bool) (task, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.known[id]
	if !ok || one.Owner != who.identity() && !byAnyone {
		return task{}, errNoTask
	}
	if one.Status != "cancelled" {
		one.Status = "cancelled"
		close(one.done)
	}
	return *one, nil
}

func (t *tasks) list(who *caller, toAnyone bool) []map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []map[string]any{}
	for _, one := range t.known {
		if one.Owner == who.identity() || toAnyone {
			all = append(all, one.describe(false))
		}
	}
	return all
}

// describe is the task as its revision writes it.
func (t *task) describe(modern bool) map[string]any {
	at := t.Created.UTC().Format(time.RFC3339)
	said := map[string]any{"taskId": t.ID, "status": t.Status, "createdAt": at, "lastUpdatedAt": at}
	lifetime, poll := "ttl", "pollInterval"
	if modern {
		lifetime, poll = "ttlMs", "pollIntervalMs"
		said["resultType"] = "complete"
	}
	said[lifetime], said[poll] = taskLifetime.Milliseconds(), 1000
	return said
}

// wait waits for a task to end. It never ends but by being cancelled, and then
// there is no result.
func (t *tasks) wait(ctx context.Context, who *caller, id string, toAnyone bool) error {
	one, err := t.of(who, id, toAnyone)
	if err != nil {
		return err
	}
	select {
	case <-one.done:
		return errCancelled
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var (
	errNoTask       = &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there is no such task"}
	errCancelled    = &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "the task was cancelled"}
	errNoSuchMethod = &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "no such method"}
)

type taskParams struct {
	mcp.ParamsBase
	ID string `json:"taskId"`
}

// A plainResult is a result that the SDK has no type for.
type plainResult struct {
	mcp.ResultBase
	members map[string]any
}

func (r *plainResult) MarshalJSON() ([]byte, error) { return json.Marshal(r.members) }

// addTasks adds a tool that can be called as a task, and the methods on tasks.
func (e *endpoint) addTasks() error {
	addTool(e, taskTool, "Reviews your notes, as a task if you can wait.", nil,
		func(context.Context, *caller, nothing) (string, error) { return "nothing to say", nil })
	e.server.AddReceivingMiddleware(e.withTasks)
	method := func(name string, run func(ctx context.Context, who *caller, id string, modern bool) (map[string]any, error)) error {
		return mcp.AddReceivingCustomMethod(e.server, name, func(ctx context.Context, ss *mcp.ServerSession, p *taskParams) (*plainResult, error) {
			who, ok := ctx.Value(callerKey{}).(*caller)
			if !ok {
				return nil, errors.New("not admitted")
			}
			id := ""
			if p != nil { // a request need not have parameters
				id = p.ID
			}
			members, err := run(ctx, who, id, isModern(ss))
			return &plainResult{members: members}, err
		})
	}
	f := e.faults
	return errors.Join(
		method("tasks/get", func(_ context.Context, who *caller, id string, modern bool) (map[string]any, error) {
			one, err := e.tasks.of(who, id, f.Has(fault.TaskUnbound))
			return one.describe(modern), err
		}),
		method("tasks/cancel", func(_ context.Context, who *caller, id string, modern bool) (map[string]any, error) {
			one, err := e.tasks.cancel(who, id, f.Has(fault.TaskCancelled))
			if err == nil && modern {
				return map[string]any{"resultType": "complete"}, nil
			}
			return one.describe(modern), err
		}),
		method("tasks/result", func(ctx context.Context, who *caller, id string, modern bool) (map[string]any, error) {
			if modern {
				return nil, errNoSuchMethod
			}
			return nil, e.tasks.wait(ctx, who, id, f.Has(fault.TaskUnbound))
		}),
		method("tasks/update", func(_ context.Context, who *caller, id string, modern bool) (map[string]any, error) {
			if !modern {
				return nil, errNoSuchMethod
			}
			_, err := e.tasks.of(who, id, f.Has(fault.TaskUnbound))
			return map[string]any{"resultType": "complete"}, err
		}),
		method("tasks/list", func(_ context.Context, who *caller, _ string, modern bool) (map[string]any, error) {
			if modern {
				return nil, errNoSuchMethod
			}
			return map[string]any{"tasks": e.tasks.list(who, f.Has(fault.TaskListed))}, nil
		}),
	)
}

type callerKey struct{}

func isModern(ss *mcp.ServerSession) bool {
	p := ss.InitializeParams()
	return p == nil || p.ProtocolVersion >= modernVersion
}

// withTasks makes tasks of the calls that ask for it, and says where it can.
func (e *endpoint) withTasks(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		var admitted *admission
		if extra := req.GetExtra(); extra != nil && extra.TokenInfo != nil {
			admitted, _ = extra.TokenInfo.Extra["admission"].(*admission)
		}
		if admitted == nil {
			return next(ctx, method, req)
		}
		session, _ := req.GetSession().(*mcp.ServerSession)
		if call, ok := req.(*mcp.CallToolRequest); ok && call.Params.Name == taskTool && contains(admitted.tools, taskTool) && session != nil {
			if modern := isModern(session); modern && takesTasks(session) || !modern && admitted.task {
				said := e.tasks.add(e.faults, admitted.who).describe(modern)
				if !modern {
					return &plainResult{members: map[string]any{"task": said}}, nil
				}
				said["resultType"] = "task"
				return &plainResult{members: said}, nil
			}
		}
		res, err := next(context.WithValue(ctx, callerKey{}, admitted.who), method, req)
		if session == nil || err != nil || isModern(session) {
			return res, err
		}
		return withTaskSupport(res), nil
	}
}

// takesTasks tells whether the client of a request can be given a task.
func takesTasks(ss *mcp.ServerSession) bool {
	p := ss.InitializeParams()
	if p == nil || p.Capabilities == nil {
		return false
	}
	_, ok := p.Capabilities.Extensions[tasksExtension]
	return ok
}

// withTaskSupport adds what revision 2025-11-25 says of tasks, and the SDK does not.
func withTaskSupport(res mcp.Result) mcp.Result {
	switch res.(type) {
	case *mcp.InitializeResult, *mcp.ListToolsResult:
	default:
		return res
	}
	said, err := json.Marshal(res)
	var members map[string]any
	if err != nil || json.Unmarshal(said, &members) != nil {
		return res
	}
	if capabilities, ok := members["capabilities"].(map[string]any); ok {
		capabilities["tasks"] = map[string]any{
			"list": map[string]any{}, "cancel": map[string]any{},
			"requests": map[string]any{"tools": map[string]any{"call": map[string]any{}}},
		}
	}
	tools, _ := members["tools"].([]any)
	for _, one := range tools {
		if tool, ok := one.(map[string]any); ok && tool["name"] == taskTool {
			tool["execution"] = map[string]any{"taskSupport": "optional"}
		}
	}
	return &plainResult{members: members}
}
