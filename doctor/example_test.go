package doctor_test

import (
	"context"
	"fmt"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/embedded"
)

// A service that will not start says why, in the words of whoever is on call.
func ExampleRun() {
	cfg := redisconn.Config{Mode: redisconn.ModeEmbedded}
	cfg.Timeouts.Read = 4e9 // longer than an operation as a whole
	checks, err := doctor.Select("config", "handshake")
	if err != nil {
		panic(err)
	}
	report := doctor.Run(context.Background(), cfg, doctor.Options{Checks: checks, Client: []redisconn.Option{embedded.Option()}})
	for _, r := range report.Results {
		if r.Outcome == doctor.OutcomeWarn || r.Outcome == doctor.OutcomeFail {
			fmt.Println(r.Outcome, r.ID, r.Detail)
			fmt.Println("  fix:", r.Fix[0].Text)
		}
	}
	fmt.Println("success:", report.Success())
	// Output:
	// warn RC-C011 4s is longer than timeouts.operation, which is 3s
	//   fix: lower timeouts.read, or raise timeouts.operation
	// success: true
}

// A check of the program's own stands on ours.
func ExampleCheck() {
	warm := doctor.Check{
		ID: "SHOP-1", Layer: doctor.LayerExtra, Title: "the price list is loaded", Needs: []string{"RC-H010"},
		Cause: "the nightly import did not run", Fix: []doctor.Remedy{{Text: "run it", Command: "shop import prices"}},
		Run: func(ctx context.Context, p *doctor.Patient) doctor.Finding {
			n, err := p.Client().HLen(ctx, "prices").Result()
			switch {
			case err != nil:
				return doctor.Fail(redisconn.ClassOf(err), err.Error())
			case n == 0:
				return doctor.Fail("", "there are no prices")
			}
			return doctor.Pass("the price list is loaded", doctor.Fact{Name: "prices", Value: n})
		},
	}
	report := doctor.Run(context.Background(), redisconn.Config{Mode: redisconn.ModeEmbedded}, doctor.Options{
		Checks: []doctor.Check{warm},
		Client: []redisconn.Option{embedded.Option()},
	})
	for _, r := range report.Results {
		if r.Layer == doctor.LayerExtra {
			fmt.Println(r.Outcome, r.ID, r.Detail+":", r.Fix[0].Command)
		}
	}
	// Output: fail SHOP-1 there are no prices: shop import prices
}
