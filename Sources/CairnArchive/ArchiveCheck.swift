internal import CairnFormat
package import CairnReader

/// Compares the objects of a log in an archive with what its manifests state, and names those that are missing, others
/// than they were, or there without a manifest. What is in them is for ``Verifier`` to judge, in ``files``.
package struct ArchiveCheck {
    /// The log, without segments whose manifest cannot be read.
    package let files: ArchiveFiles
    private let storage: any ObjectStorage
    private let layout: ArchiveLayout
    private var manifests: [UInt64: ArchiveManifest] = [:]
    private var findings: [Finding] = []
    private var notes: [Note] = []

    /// Looks at every object of the log once; a directory reads them for that.
    ///
    /// - Throws: where the storage does not answer, which proves nothing.
    package init(_ storage: any ObjectStorage, _ layout: ArchiveLayout) throws(ArchiveError) {
        self.storage = storage
        self.layout = layout
        var (manifests, findings) = ([UInt64: ArchiveManifest](), [Finding]())
        for first in try ArchiveFiles.segments(storage, layout) {
            let key = layout.manifest(first)
            do throws(ArchiveError) {
                guard let bytes = try storage.contents(key, limit: ArchiveManifest.sizeLimit) else { continue }
                let manifest = try ArchiveManifest(bytes, key: key)
                guard manifest.seal.firstSequence == first, manifest.encoded == bytes else {
                    throw ArchiveError(.changed, "it does not say what its own seal says", key: key)
                }
                manifests[first] = manifest
            } catch {
                guard [.changed, .invalid, .tooLarge].contains(error.code) else { throw error }
                findings.append(Finding(.tampered, sequence: first, "the manifest \(error)"))
            }
        }
        files = ArchiveFiles(storage, layout, manifests)
        (self.manifests, self.findings) = (manifests, findings)
        for (_, manifest) in manifests.sorted(by: { $0.key < $1.key }) { try compare(manifest) }
        try lookForOthers()
    }

    private mutating func compare(_ manifest: ArchiveManifest) throws(ArchiveError) {
        let objects = [
            (manifest.data, Verdict.tampered), (manifest.index, .indexDamaged), (manifest.sealObject, .tampered),
        ]
        for case (let object?, let verdict) in objects {
            let status = try storage.head(object.key)
            guard let problem = object.problem(status) else { continue }
            let first = manifest.seal.firstSequence
            findings.append(
                Finding(
                    verdict, segment: manifest.seal.number, sequence: verdict == .tampered ? first : nil,
                    "the object \(object.key) \(problem): \(layout.manifest(first))"))
        }
    }

    /// Data that no manifest names: other programs read it with the rest.
    private mutating func lookForOthers() throws(ArchiveError) {
        let named = Set(manifests.values.compactMap { $0.data?.key })
        let superseded = Set(manifests.values.flatMap(\.superseded))
        let end = manifests.values.map(\.seal.endSequence).max() ?? 0
        var (findings, notes) = (findings, notes)
        try storage.forEach(prefix: layout.events) { (object) throws(ArchiveError) in
            let key = object.key
            if named.contains(key) { return true }
            if superseded.contains(key) {
                let text =
                    "the object \(key) holds events that were redacted since, as a lock keeps it: archive again later"
                notes.append(Note(.redacted, text))
            } else if ArchiveLayout.firstSequence(ofData: key).map({ $0 >= end }) ?? false {
                let text =
                    "the object \(key) has no manifest yet: an archiver is at work, or was cut off: archive again"
                notes.append(Note(.uncommitted, text))
            } else {
                findings.append(
                    Finding(
                        .unsealed,
                        "the object \(key) is named by no manifest, and other programs read its events with the rest: "
                            + "archive again, and find out who put it there if it stays"))
            }
            return true
        }
        (self.findings, self.notes) = (findings, notes)
    }

    /// What verification of ``files`` came to, with the objects named.
    package func completed(_ verification: Verification) -> Verification {
        var verification = verification
        let known = Set(findings.compactMap(\.segment))
        verification.findings = verification.findings.map { known.contains($0.segment ?? .max) ? $0 : named($0) }
        verification.findings += findings
        verification.notes += notes
        return verification
    }

    /// A finding about a segment whose objects are all as long as they should be: it names the one that it is about.
    private func named(_ finding: Finding) -> Finding {
        guard let manifest = manifests.values.first(where: { $0.seal.number == finding.segment }) else {
            return finding
        }
        var finding = finding
        let isOfSeal = finding.message.hasPrefix("the seal")
        let object = isOfSeal ? manifest.sealObject : finding.verdict == .indexDamaged ? manifest.index : manifest.data
        if let object { finding.message += " (\(object.key))" }
        return finding
    }
}

extension ArchiveManifest.Object {
    /// What is wrong with what is there, as the end of a sentence; nil where nothing is. A storage that keeps no
    /// SHA-256 leaves the bytes to who reads them.
    func problem(_ status: ObjectStatus?) -> String? {
        guard let status else { return "is not there, and its manifest names it" }
        guard status.size == size else { return "has \(status.size) bytes, and its manifest says \(size)" }
        guard status.sha256 == nil || status.sha256 == sha256 else {
            return "has other bytes than those that its manifest has the SHA-256 of"
        }
        return nil
    }
}
