// promcheck checks what is handed to Prometheus with Prometheus' own code.
//
//	promcheck rules FILE...   rule files: structure, expressions, templates
//	promcheck metrics         an exposition on standard input: format and naming
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	problems := 0
	complain := func(where string, problem any) {
		problems++
		fmt.Fprintf(os.Stderr, "%s: %v\n", where, problem)
	}
	switch {
	case len(os.Args) > 2 && os.Args[1] == "rules":
		for _, file := range os.Args[2:] {
			_, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
			for _, err := range errs {
				complain(file, err)
			}
		}
	case len(os.Args) == 2 && os.Args[1] == "metrics":
		found, err := promlint.New(os.Stdin).Lint()
		if err != nil {
			complain("metrics", err)
		}
		for _, problem := range found {
			complain(problem.Metric, problem.Text)
		}
	default:
		complain("promcheck", "usage: promcheck rules FILE... | promcheck metrics <EXPOSITION")
	}
	if problems > 0 {
		os.Exit(1)
	}
}
