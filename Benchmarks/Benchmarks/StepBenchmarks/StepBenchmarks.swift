import Benchmark
import CairnSteps
import LoadEvents

/// Each step of an event's way alone, as `cairn-steps` takes it, with percentiles and with baselines to compare with.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = Benchmark.Configuration(
        // Instructions show only where the machine lets a program count them; `instructions.py` counts them anywhere.
        metrics: [.wallClock, .throughput, .instructions],
        // The caches and the branch predictor are to know the step, as in a daemon that has run for a while.
        warmupIterations: 10,
        // A run is a thousand events, so that figures divided by it are those of one event.
        scalingFactor: .kilo,
        maxDuration: .seconds(1))
    let events = LoadEvents(count: Benchmark.defaultConfiguration.scalingFactor.rawValue, size: 330, seed: 1)
    do {
        for step in try Step.all(events) { Benchmark(step.name) { _ in step.run() } }
    } catch {
        fatalError("the steps cannot be prepared: \(error)")
    }
}
