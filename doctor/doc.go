// Package doctor examines the connection between a program and Redis, layer by
// layer, and says of everything that is not well what was found, what the likely
// cause is and what to type.
//
//	report := doctor.Run(ctx, cfg, doctor.Options{})
//	for _, result := range report.Results {
//		fmt.Println(result.Outcome, result.ID, result.Title, result.Detail)
//	}
//
// # Checks
//
// A [Check] is data: an id that never changes, a layer, a title that states what
// is proved when it passes, and the checks that it needs. [Checks] lists them,
// docs/checks.md explains them. They run in the order of their layers, from the
// configuration up; a check whose need failed is skipped with that reason, so a
// broken root is one failure and not twelve. A program adds checks of its own
// with [Options].Extra.
//
// # What an examination does
//
// It makes one attempt to connect, the way the program would, and keeps what
// every stage proved; then it looks at what a client never looks at: each address
// behind a name, the certificate apart from its verification, the server's
// settings. It changes nothing on the server. A command that the user may not
// run skips the check, with that reason. The nodes of a cluster are asked as the
// program's client asks them: only at addresses that connection.allow_addrs lets it
// be sent to. Addresses that sentinels name are dialled and sent nothing.
//
// Of a cluster every node is asked. A check of a server is made at each, and the
// worst that is found counts, with the name of the node.
//
// [Prove] is the short form: it connects and stops at the stage that breaks, and
// [Diagnose] names the check that this belongs to.
//
// # Reports
//
// A [Report] is a value, apart from how it is shown: WriteShort for people in a
// hurry, WriteJSON, WriteJUnit, WritePrometheus, WriteNagios for programs,
// WriteBundle for whoever is asked for help. The command redisconn doctor prints
// it as a table. None of them holds a secret.
package doctor
