package effect

// MaxNameBytes is the longest name that find looks up.
const MaxNameBytes = nameBytes

// GroupedRows counts the rows of all groups, a name in two groups twice.
func GroupedRows() (n int) {
	for _, group := range []commands{
		connectionCommands, serverCommands, clusterCommands, scriptingCommands, transactionCommands, pubsubCommands,
		genericCommands, stringCommands, bitmapCommands, hashCommands, listCommands, setCommands, sortedSetCommands,
		geoCommands, streamCommands, hyperLogLogCommands, arrayCommands, vectorSetCommands,
		jsonCommands, timeSeriesCommands, probabilisticCommands, searchCommands,
	} {
		n += len(group)
	}
	return n
}
