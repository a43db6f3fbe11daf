import CairnFuzzing
import Foundation

/// The files beside these tests, a directory for each target.
enum FuzzFiles: String, CaseIterable {
    /// What a run begins with.
    case corpus = "Corpus"
    /// What failed once.
    case regressions = "Regressions"

    func directory(_ target: FuzzTarget) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(rawValue)
            .appendingPathComponent(target.rawValue)
    }

    /// Sorted by name; empty where there is no directory.
    func inputs(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let directory = directory(target)
        guard FileManager.default.fileExists(atPath: directory.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted().map { name in
            (name, try Array(Data(contentsOf: directory.appendingPathComponent(name))))
        }
    }
}

extension FuzzCheck {
    func check(_ bytes: [UInt8]) throws -> Bool { try bytes.withUnsafeBytes { try check($0) } }
}
