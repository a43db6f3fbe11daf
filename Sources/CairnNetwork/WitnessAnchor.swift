package import CairnArchive
package import CairnFormat
internal import CairnPlatform
package import CairnReader
internal import NIOHTTP1

/// A witness: somebody who cosigns checkpoints of a log as long as each extends the one before (C2SP tlog-witness
/// v1.0.0). It cannot be told two histories.
package struct WitnessAnchor: AnchorPlace {
    package let target: String
    private let key: WitnessKey
    private let directory: LogDirectory
    /// Seals of the newest checkpoint that the witness is known to have cosigned.
    private let known: UInt64
    private let transport = HTTPTransport()

    /// A witness may say twice that it is somewhere else than it was thought to be: once because that was not known, and
    /// once because somebody else asked in between.
    private static let attempts = 3

    /// - Parameters:
    ///   - url: of the witness, without `/add-checkpoint`.
    ///   - key: its vkey, known from elsewhere.
    ///   - known: seals that it has cosigned, as far as anybody here knows; 0 to learn it.
    package init(_ url: String, key: WitnessKey, _ directory: LogDirectory, known: UInt64) throws(ArchiveError) {
        target = try WitnessAnchor.target(url)
        (self.key, self.directory, self.known) = (key, directory, known)
    }

    /// What the witness at an address is called.
    package static func target(_ url: String) throws(ArchiveError) -> String {
        guard url.hasPrefix("https://") || url.hasPrefix("http://"), !url.contains("?"), !url.contains("#") else {
            throw ArchiveError(.invalid, "\(url): a witness is reached at https://HOST/PATH")
        }
        var target = url
        while target.hasSuffix("/") { target.removeLast() }
        return target
    }

    package func newest(of origin: Origin) throws(ArchiveError) -> [UInt8]? { nil }

    package func publish(_ checkpoint: SignedNote, of origin: Origin) throws(ArchiveError) -> SignedNote {
        let size = try formed { () throws(FormatError) in try Checkpoint(checkpoint).size }
        var old = min(known, size)
        for _ in 0..<WitnessAnchor.attempts {
            switch try ask(checkpoint, from: old) {
            case .cosigned(let signatures):
                return try formed { () throws(FormatError) in try checkpoint.cosigned(by: key, signatures) }
            case .isAt(let at):
                guard at <= size else {
                    throw ArchiveError(
                        .changed,
                        "\(target) has cosigned \(at) seals, and the log has \(size): it is an older copy, or was cut")
                }
                old = at
            case .refused(let refusal): throw failure(refusal, origin)
            }
        }
        throw ArchiveError(.unavailable, "\(target) changes what it has cosigned with each question: try again later")
    }

    private func ask(_ checkpoint: SignedNote, from old: UInt64) throws(ArchiveError) -> WitnessAnswer {
        let path: [Digest]
        do throws(ReadError) {
            path = try directory.consistency(of: checkpoint.bytes, from: old)
        } catch {
            throw ArchiveError(.changed, "\(error)")
        }
        let body = WitnessRequest(oldSize: old, path: path, checkpoint: checkpoint.bytes).body
        let upload = Upload(key: "", source: BytesSource(body), sha256: .sha256(body))
        var headers = HTTPHeaders()
        headers.add(name: "User-Agent", value: "cairn")
        let request = HTTPRequest(method: .POST, url: target + "/add-checkpoint", headers: headers)
        let answer: HTTPAnswer
        do throws(HTTPFailure) {
            answer = try transport.perform(
                request, body: S3Body(upload, limit: nil), answerLimit: WitnessAnswer.sizeLimit)
        } catch {
            switch error {
            case .connection(let reason): throw ArchiveError(.unavailable, "\(target): \(reason)")
            case .tooLarge: throw ArchiveError(.invalid, "\(target) answers with more than a witness has to say")
            case .source(let error): throw error
            }
        }
        return try formed { () throws(FormatError) in
            try WitnessAnswer(
                status: answer.status, contentType: answer.headers.first(name: "content-type"), body: answer.body)
        }
    }

    private func failure(_ refusal: WitnessAnswer.Refusal, _ origin: Origin) -> ArchiveError {
        switch refusal {
        case .badRequest: ArchiveError(.invalid, "\(target) cannot read the request: is it a witness of version 1?")
        case .notSigned:
            ArchiveError(.denied, "\(target) trusts another key for \(origin): give its operator the log's key")
        case .unknownLog: ArchiveError(.denied, "\(target) does not know the log \(origin): ask its operator to add it")
        case .inconsistent:
            ArchiveError(
                .changed, "\(target) has cosigned another history of \(origin): this log was changed, or signed twice")
        case .status(let status): ArchiveError(.unavailable, "\(target) answers with status \(status): try later")
        }
    }

    private func formed<R>(_ body: () throws(FormatError) -> R) throws(ArchiveError) -> R {
        do throws(FormatError) {
            return try body()
        } catch {
            throw ArchiveError(.invalid, "\(target): \(error)")
        }
    }
}
