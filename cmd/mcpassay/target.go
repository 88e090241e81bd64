package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/mcpassay/mcpassay/probes"
)

// passwordEnv holds the password of the user who signs in, unless the
// configuration names another variable.
const passwordEnv = "MCPASSAY_PASSWORD"

// checkURL refuses what is no URL of an MCP server, and a system that the user
// has not said to be theirs to attack.
func checkURL(raw string, authorized bool) error {
	if raw == "" {
		return usagef("which server? Give the URL of its MCP endpoint, such as mcpassay run http://127.0.0.1:8080/mcp")
	}
	target, err := url.Parse(raw)
	if err != nil {
		return usagef("%w", err)
	}
	if (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" {
		return usagef("%q is not an http or https URL", raw)
	}
	if target.User != nil {
		return usagef("the URL must not hold a user name or password")
	}
	if !authorized && !probes.IsLoopback(target) {
		return usagef("%s is not on loopback, and this is an attack: if you may test it, say so with --authorized or with authorized: true in the configuration", target.Host)
	}
	return nil
}

// users are the configured users, the one named on the command line first.
func users(c *Config, name, passwordFile string) ([]probes.User, error) {
	list := c.Users
	if name != "" {
		first := User{Name: name}
		list = []User{first}
		for _, u := range c.Users {
			if u.Name == name {
				list[0] = u
				continue
			}
			list = append(list, u)
		}
	}
	if passwordFile != "" {
		if len(list) == 0 {
			return nil, usagef("--password-file is given, but no user: add --user")
		}
		list = append([]User{{Name: list[0].Name, PasswordFile: passwordFile}}, list[1:]...)
	}
	resolved := make([]probes.User, 0, len(list))
	for _, u := range list {
		env := u.PasswordEnv
		if env == "" && u.PasswordFile == "" {
			env = passwordEnv
		}
		password, err := secretFrom(env, u.PasswordFile)
		if err != nil {
			return nil, usagef("the password of user %s: %w", u.Name, err)
		}
		resolved = append(resolved, probes.User{Name: u.Name, Password: password})
	}
	return resolved, nil
}

// clients are the configured clients of users; with machines, those that act for
// themselves.
func clients(c *Config, machines bool) ([]probes.StaticClient, error) {
	resolved := make([]probes.StaticClient, 0, len(c.Clients))
	for _, client := range c.Clients {
		if (client.Grant == "client_credentials") != machines {
			continue
		}
		static := probes.StaticClient{ID: client.ID, Method: client.AuthMethod, RedirectURI: client.RedirectURI}
		if client.SecretEnv != "" || client.SecretFile != "" {
			var err error
			if static.Secret, err = secretFrom(client.SecretEnv, client.SecretFile); err != nil {
				return nil, usagef("the secret of client %s: %w", client.ID, err)
			}
		}
		if client.KeyFile != "" {
			var err error
			if static.Signer, err = signerFrom(client.KeyFile, client.SigningAlg); err != nil {
				return nil, usagef("the key of client %s: %w", client.ID, err)
			}
		}
		resolved = append(resolved, static)
	}
	return resolved, nil
}

// secretFrom reads a secret from an environment variable or from the first line
// of a file.
func secretFrom(env, file string) (string, error) {
	if file == "" {
		secret := os.Getenv(env)
		if secret == "" {
			return "", fmt.Errorf("the environment variable %s is not set", env)
		}
		return secret, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	first, err := bufio.NewReader(io.LimitReader(f, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	secret := strings.TrimRight(first, "\r\n")
	if secret == "" {
		return "", fmt.Errorf("the first line of %s is empty", file)
	}
	return secret, nil
}

func steps(c *Config) []probes.LoginStep {
	steps := make([]probes.LoginStep, len(c.Login))
	for i, s := range c.Login {
		steps[i] = probes.LoginStep{Fill: s.Fill, Value: s.Value, Click: s.Click, WaitFor: s.WaitFor}
	}
	return steps
}

func operations(c *Config) []probes.Operation {
	operations := make([]probes.Operation, len(c.Operations))
	for i, o := range c.Operations {
		operations[i] = probes.Operation{ToolCall: probes.ToolCall{Name: o.Tool, Arguments: o.Arguments}, Scopes: o.Scopes}
	}
	return operations
}
