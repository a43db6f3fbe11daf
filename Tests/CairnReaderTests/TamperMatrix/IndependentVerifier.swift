import CairnFormat
import CairnPlatform
import Foundation
import Testing

/// The verifier in Tests/Verifier, which knows the format from its description alone, run over the cases of the matrix.
struct IndependentVerifier {
    static let wants: Comment = "it takes python3 with the package cryptography: CAIRN_PYTHON names one"

    private static let python = ProcessEnvironment.value("CAIRN_PYTHON") ?? "python3"

    /// Whether the Python that `Tests/run` set up, or that of the machine, has what the verifier needs.
    static let isThere = (try? run(["-c", "import cryptography"])).map { $0.status == 0 } ?? false

    /// What it says otherwise than is expected: one line for each case.
    func differences(from matrix: TamperMatrix) async throws -> [String] {
        try await differences(
            "tamper_matrix.py", try JSONEncoder().encode(Export(matrix)), cases: matrix.cases.count)
    }

    /// What a script in Tests/Verifier prints for a matrix in JSON; the number of cases ends it.
    func differences(_ script: String, _ matrix: Data, cases: Int) async throws -> [String] {
        let directory = try ScratchDirectory.create(prefix: "cairn-tamper-matrix-")
        defer { try? ScratchDirectory.remove(directory) }
        let path = "\(directory)/matrix.json"
        try matrix.write(to: URL(fileURLWithPath: path))
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Verifier/\(script)").standardizedFileURL.path
        // On a thread of its own: tests with time limits wait for those of Swift's tasks.
        let (status, output) = try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try Self.run([script, path]) }) }
        }
        let lines = output.split(separator: "\n").map(String.init)
        try #require(status == 0 && lines.last == "\(cases) cases", "\(output.suffix(2000))")
        return lines.dropLast()
    }

    private struct Export: Encodable {
        let logs: [String: [String: Data]]
        let keys: [String: String]
        let cases: [TamperCase]

        init(_ matrix: TamperMatrix) {
            logs = matrix.logs.mapValues { $0.mapValues { Data($0) } }
            keys = matrix.keys.mapValues(\.description)
            cases = matrix.cases
        }
    }

    private static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
