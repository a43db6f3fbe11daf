// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "cairn-benchmarks",
    products: [.executable(name: "cairn-load", targets: ["cairn-load"])],
    dependencies: [
        .package(name: "cairn", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // Without its traits: they count allocations and references, and put libraries of their own into the program.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .target(name: "CPoll"),
        .executableTarget(
            name: "cairn-load",
            dependencies: [
                "CPoll",
                .product(name: "LoadEvents", package: "cairn"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings),
        // `swift package benchmark` finds it by its directory, which must be in one called Benchmarks.
        .executableTarget(
            name: "StepBenchmarks",
            dependencies: [
                .product(name: "CairnSteps", package: "cairn"),
                .product(name: "LoadEvents", package: "cairn"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/StepBenchmarks", swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ],
    swiftLanguageModes: [.v6]
)
