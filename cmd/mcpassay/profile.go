package main

import (
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites/client"
)

func profileIDs() []string {
	var ids []string
	for _, p := range client.Profiles() {
		ids = append(ids, p.ID)
	}
	return ids
}

// profileOptions are those of a deployment of the shape that a profile has; without
// one, those of the usual shape.
func profileOptions(id string) (reference.Options, error) {
	if id == "" {
		return reference.Options{}, nil
	}
	p := client.FindProfile(id)
	if p == nil {
		return reference.Options{}, usagef("no profile is called %q%s", id, didYouMean(id, profileIDs()))
	}
	return p.Options(), nil
}
