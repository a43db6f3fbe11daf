import CairnSteps
import Glibc
import LoadEvents

// How long each step takes alone, on one core: the physical limit of the whole is their sum.
//
//     cairn-steps [--events N] [--runs N] [NAME]     nanoseconds an event, the best of the runs
//
// With one run of one step under valgrind --tool=callgrind its instructions can be counted.

var (events, runs, name) = (8000, 200, "")
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--events": events = arguments.popFirst().flatMap { Int($0) } ?? events
    case "--runs": runs = arguments.popFirst().flatMap { Int($0) } ?? runs
    default: name = argument
    }
}

func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

for step in try Step.all(LoadEvents(count: events, size: 330, seed: 1)) where name.isEmpty || step.name == name {
    var best = UInt64.max
    for _ in 0..<runs {
        let start = now()
        step.run()
        best = min(best, now() - start)
    }
    let each = Double(best) / Double(step.events)
    let rate = Double(step.bytes) / Double(best) * 1000
    print("\(step.name)\t\(Double(Int(each * 10)) / 10) ns\t\(Int(rate)) MB/s")
}
