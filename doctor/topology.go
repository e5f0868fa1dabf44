package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/redisconn/redisconn"
)

const (
	idMode  = "RC-P001"
	idRole  = "RC-P002"
	idNodes = "RC-P003"
)

// Modes that a server tells of itself.
const (
	modeStandalone = "standalone"
	modeCluster    = "cluster"
)

var topologyChecks = []Check{
	{
		ID: idMode, Layer: LayerTopology, Title: "the server is of the kind that is configured", Needs: []string{idReady},
		About: "What the server says of its mode is held against the configuration. A node of a cluster that is taken for a single server answers MOVED for the keys of the others; a sentinel holds no data at all.",
		Fix: []Remedy{
			{"see what the server is", "{cli} INFO server"},
			{"set what the finding names; mode auto takes a single address for what it is", ""},
		},
		Run: checkMode,
	},
	{
		ID: idRole, Layer: LayerTopology, Title: "the server takes writes", Needs: []string{idAnswer},
		About: "A replica answers READONLY to every write.",
		Cause: "a failover that this name or address has not followed, or a replica's address in the configuration",
		Fix: []Remedy{
			{"see who the master is", "{cli} INFO replication"},
			{"connect to the master, or have Sentinel name it", ""},
		},
		Run: checkRole,
	},
	{
		ID: idNodes, Layer: LayerTopology, Title: "every node answers", Needs: []string{idAnswer},
		About: "Every node of a Sentinel deployment or a cluster, each asked. A master that does not answer fails: what only it serves is not served.",
		Cause: "a node that is down, that hangs, or that is cut off from here",
		Fix:   []Remedy{{"ask the node that does not answer", "{node} PING"}},
		Run:   checkNodes,
	},
}

// mode is what the server says it is. It is a plain word in INFO, which every
// version has; HELLO says it as well.
func (p *Patient) mode(ctx context.Context) string {
	if info, err := p.info(ctx); err == nil && info["redis_mode"] != "" {
		return info["redis_mode"]
	}
	return p.server().Mode
}

func checkMode(ctx context.Context, p *Patient) Finding {
	if p.Client() == nil {
		finding := p.own(idMode, redisconn.StageReady, "")
		if finding.Class != redisconn.ClassConfig {
			return finding
		}
		return finding.because("the address of a sentinel where a server's belongs").
			mend("see which masters the sentinel watches", "{cli} SENTINEL MASTERS").
			mend("name one of them in sentinel.master, or give the address of a data node", "")
	}
	return judgeMode(p.mode(ctx), len(p.nodes) > 0)
}

// judgeMode holds what the server is against what the client takes it for.
func judgeMode(found string, asCluster bool) Finding {
	taken := modeStandalone
	if asCluster {
		taken = modeCluster
	}
	evidence := []Fact{{"server", found}, {"taken_for", taken}}
	switch {
	case found == "":
		return Skip("the server does not say what it is")
	case found == modeCluster && !asCluster:
		return Fail(redisconn.ClassMoved, "the server is a node of a cluster and would answer MOVED for the keys of the others", evidence...).
			mend("see the cluster", "{cli} CLUSTER NODES").
			mend("set mode to cluster, or leave it auto", "redisconn config")
	case found == modeStandalone && asCluster:
		return Fail(redisconn.ClassConfig, "the server is no node of a cluster: its setting cluster-enabled is no", evidence...).
			because("the address of another server, or a server that was started without cluster-enabled").
			mend("see what the server is", "{cli} INFO server").
			mend("configure a single server, or give the addresses of the cluster", "")
	}
	return Pass("the server is "+found+", as configured", evidence...)
}

func checkRole(ctx context.Context, p *Patient) Finding {
	if len(p.nodes) > 0 {
		masters := 0
		for _, n := range p.nodes {
			if n.Role == "master" {
				masters++
			}
		}
		return Pass(fmt.Sprintf("%s of the cluster take writes", plural(masters, "master")), Fact{"masters", masters}, Fact{"replicas", len(p.nodes) - masters})
	}
	info, err := p.info(ctx)
	switch role := info["role"]; {
	case err != nil:
		return unanswered("INFO", err)
	case role == "":
		return NotNeeded("the server has no role")
	case role == "slave":
		master := info["master_host"] + ":" + info["master_port"]
		return Warn("the server is a replica of "+master+" and takes no writes", Fact{"master", master})
	}
	return Pass("the server is a master", Fact{"replicas", info["connected_slaves"]})
}

func checkNodes(ctx context.Context, p *Patient) Finding {
	if len(p.nodes) > 0 {
		return p.judgeAnswers()
	}
	return judgeNodes(p.deployment(ctx).Nodes)
}

func judgeNodes(nodes []redisconn.NodeHealth) Finding {
	if len(nodes) == 0 {
		return NotNeeded("there is one server")
	}
	var bad []string
	var evidence []Fact
	for _, node := range nodes {
		evidence = append(evidence, Fact{node.Addr, strings.TrimSpace(string(node.Status) + " " + node.Reason)})
		if node.Status != redisconn.StatusPass {
			bad = append(bad, node.Addr)
		}
	}
	if len(bad) > 0 {
		return Warn(fmt.Sprintf("%d of %d nodes are not well: %s", len(bad), len(nodes), strings.Join(bad, ", ")), evidence...).about(bad[0], "")
	}
	return Pass(fmt.Sprintf("all %d nodes answer", len(nodes)), evidence...)
}

// judgeAnswers says which nodes of a cluster do not answer. Those to whom another
// check belongs are left to it.
func (p *Patient) judgeAnswers() Finding {
	finding := Pass("")
	var silent []string
	for _, n := range p.nodes {
		switch {
		case n.err == nil:
			finding.Evidence = append(finding.Evidence, Fact{n.Addr, fmt.Sprintf("%s, answers in %s", n.Role, Fact{Value: n.took})})
			continue
		case p.belongs(n) != idNodes:
			continue
		case n.Role == "master":
			finding.Outcome, finding.Class = OutcomeFail, redisconn.ClassOf(n.err)
			finding = finding.about(n.Addr, n.ID)
		case finding.Outcome == OutcomePass:
			finding.Outcome = OutcomeWarn
			finding = finding.about(n.Addr, n.ID)
		}
		silent = append(silent, fmt.Sprintf("%s %s of slots %s", n.Role, n.Addr, n.Slots))
		finding.Evidence = append(finding.Evidence, Fact{n.Addr, n.err.Error()})
	}
	switch {
	case len(silent) > 0:
		finding.Detail = fmt.Sprintf("%d of %d nodes do not answer: %s", len(silent), len(p.nodes), strings.Join(silent, ", "))
	case len(p.answering()) < len(p.nodes):
		finding.Detail = fmt.Sprintf("all nodes answer that can be reached, %d of %d", len(p.answering()), len(p.nodes))
	default:
		finding.Detail = fmt.Sprintf("all %d nodes answer", len(p.nodes))
	}
	return finding
}
