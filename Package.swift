// swift-tools-version: 6.2
import PackageDescription

// Debian: apt-get install -y libz-dev libisal-dev libsimdjson-dev libssl-dev

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "cairn",
    products: [
        .library(name: "CairnReader", targets: ["CairnReader"]),
        .library(name: "CairnSteps", targets: ["CairnSteps"]),
        .library(name: "LoadEvents", targets: ["LoadEvents"]),
        .executable(name: "cairnd", targets: ["cairnd"]),
        .executable(name: "cairn", targets: ["cairn"]),
        .executable(name: "cairn-network", targets: ["cairn-network"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["libz-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "SimdJSON", providers: [.apt(["libsimdjson-dev"])]),
        .target(
            name: "CSimdJSON", dependencies: ["SimdJSON"],
            // As Debian built the library: the classes of its header must have the same shape here.
            cxxSettings: [.define("SIMDJSON_THREADS_ENABLED", to: "1")],
            linkerSettings: [.linkedLibrary("simdjson")]),

        // Only the objects of SHA-256 are taken from the archive: nothing to load when a program starts.
        .target(name: "CSHA256", linkerSettings: [.linkedLibrary(":libcrypto.a")]),

        .target(
            name: "CairnFormat",
            dependencies: [
                "CZlib", "CISAL", "CSHA256", "CSimdJSON",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        .target(name: "CairnPlatform", dependencies: ["CMalloc"], swiftSettings: settings),
        .target(name: "CairnReader", dependencies: ["CairnFormat", "CairnPlatform"], swiftSettings: settings),
        .target(name: "CairnStore", dependencies: ["CairnReader"], swiftSettings: settings),
        .target(name: "CairnArchive", dependencies: ["CairnPlatform", "CairnReader"], swiftSettings: settings),
        .target(
            name: "CairnNetwork",
            dependencies: [
                "CairnArchive", "CairnPlatform", "CairnReader",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(
            name: "CairnDaemon",
            dependencies: [
                "CairnStore",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "cairnd",
            dependencies: [
                "CairnDaemon",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "CairnCommand",
            dependencies: [
                "CairnArchive", "CairnReader", "CairnStore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        // Small, and with the runtime in it, so that it starts in milliseconds: no HTTP, no YAML, no daemon.
        .executableTarget(
            name: "cairn", dependencies: ["CairnCommand"], swiftSettings: settings,
            linkerSettings: [
                .unsafeFlags(["-static-stdlib"], .when(configuration: .release)),
                .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
                .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
            ]),
        .executableTarget(
            name: "cairn-network", dependencies: ["CairnCommand", "CairnDaemon", "CairnNetwork"],
            swiftSettings: settings),

        // What is done with an event, step by step, to be measured; Benchmarks only.
        .target(
            name: "LoadEvents", dependencies: ["CairnPlatform"], path: "Benchmarks/LoadEvents", swiftSettings: settings),
        .target(
            name: "CairnSteps", dependencies: ["CairnFormat", "CairnReader", "LoadEvents"], path: "Benchmarks/Steps",
            swiftSettings: settings),
        .executableTarget(
            name: "cairn-steps", dependencies: ["CairnSteps", "LoadEvents"], path: "Benchmarks/Sources/cairn-steps",
            swiftSettings: settings),

        // The log on a machine whose disk, clock and luck come from a seed; Tests only.
        .target(
            name: "CairnSimulation", dependencies: ["CairnStore"], path: "Tests/Support/CairnSimulation",
            swiftSettings: settings),
        .executableTarget(
            name: "cairn-simulate",
            dependencies: [
                "CairnPlatform", "CairnSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Support/cairn-simulate", swiftSettings: settings),
        // What must hold for bytes from outside; Tests only.
        .target(
            name: "CairnFuzzing",
            dependencies: ["CairnDaemon", "CairnFormat", "CairnPlatform", "CairnReader", "CairnStore"],
            path: "Tests/Support/CairnFuzzing", swiftSettings: settings),
        .testTarget(
            name: "CairnFuzzingTests", dependencies: ["CairnFormat", "CairnFuzzing", "CairnSimulation"],
            exclude: ["Corpus", "Regressions"], swiftSettings: settings),
        .testTarget(name: "CairnSimulationTests", dependencies: ["CairnSimulation"], swiftSettings: settings),

        .testTarget(
            name: "CairnFormatTests", dependencies: ["CairnFormat", "LoadEvents"], exclude: ["Vectors"],
            swiftSettings: settings),
        .testTarget(name: "CairnPlatformTests", dependencies: ["CairnPlatform"], swiftSettings: settings),
        .testTarget(
            name: "CairnReaderTests", dependencies: ["CairnFormat", "CairnPlatform", "CairnReader"],
            swiftSettings: settings),
        .testTarget(
            name: "CairnStoreTests", dependencies: ["CairnSimulation", "CairnStore"], swiftSettings: settings),
        .testTarget(
            name: "CairnArchiveTests",
            dependencies: [
                "CairnArchive", "CairnNetwork", "CairnSimulation",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .testTarget(name: "CairnDaemonTests", dependencies: ["CairnDaemon"], swiftSettings: settings),
        .testTarget(
            name: "CairnCommandTests", dependencies: ["CairnCommand", "CairnDaemon"],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["CairnReader"],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings the main function, so this program links with --sanitize=fuzzer only: see Tests/Fuzz/run.
if Context.environment["CAIRN_FUZZ"] == "1" {
    package.products.append(.executable(name: "cairn-fuzz", targets: ["cairn-fuzz"]))
    package.targets.append(
        .executableTarget(
            name: "cairn-fuzz", dependencies: ["CairnFuzzing"], path: "Tests/Support/cairn-fuzz",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
