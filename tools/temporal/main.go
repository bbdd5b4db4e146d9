// Command temporal is Temporal's own command line, with its development server and UI inside.
//
// It is a module of its own because the released CLI pins a version of SQLite that can leave the development server
// stuck for good; go.mod beside this file requires a later one.
package main

import (
	"context"

	"github.com/temporalio/cli/temporalcli"
)

func main() {
	temporalcli.Execute(context.Background(), temporalcli.CommandOptions{})
}
