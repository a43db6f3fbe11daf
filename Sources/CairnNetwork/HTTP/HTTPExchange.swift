import AsyncHTTPClient
import CairnArchive
import CairnPlatform
import NIOCore
import NIOHTTP1

/// One request and its answer: what the event loop tells the caller's thread, which waits for it here.
///
/// It collects the answer itself, because AsyncHTTPClient may give up one that comes before the body was sent: a server
/// that says no does not wait for the rest.
final class HTTPExchange: HTTPClientResponseDelegate {
    typealias Response = Void

    private struct State: Sendable {
        /// There from the moment that the body is wanted.
        var writer: HTTPClient.Body.StreamWriter?
        /// Pieces that the connection has not taken yet: none or one.
        var isPieceOnItsWay = false
        var head: HTTPResponseHead?
        var body: [UInt8] = []
        /// How the request has ended.
        var result: Result<Void, any Error>?
        var isTooLarge = false

        /// The server does not want the rest of the body.
        var isRefused: Bool { (head?.status.code ?? 0) >= 300 }
    }

    private let state = Guarded(State())
    private let limit: Int
    private let isHead: Bool

    /// - Parameters:
    ///   - limit: bytes that the body of the answer may have.
    ///   - isHead: whether the answer has no body, whatever its length says.
    init(limit: Int, isHead: Bool) { (self.limit, self.isHead) = (limit, isHead) }

    // MARK: On the event loop

    func begin(_ writer: HTTPClient.Body.StreamWriter) { state.update { $0.writer = writer } }

    func tookPiece() { state.update { $0.isPieceOnItsWay = false } }

    func end(_ result: Result<Void, any Error>) { state.update { $0.result = result } }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        let length = isHead ? 0 : head.headers.first(name: "content-length").flatMap(Int.init) ?? 0
        state.update { state in
            state.head = head
            state.isTooLarge = length > limit
        }
        return next(task)
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        state.update { state in
            if state.body.count + buffer.readableBytes > limit { state.isTooLarge = true }
            if !state.isTooLarge { state.body.append(contentsOf: buffer.readableBytesView) }
        }
        return next(task)
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) {}

    private func next(_ task: HTTPClient.Task<Void>) -> EventLoopFuture<Void> {
        guard state.withLock({ $0.isTooLarge }) else { return task.eventLoop.makeSucceededVoidFuture() }
        return task.eventLoop.makeFailedFuture(HTTPFailure.tooLarge)
    }

    // MARK: On the caller's thread; deadlines are those of `Guarded`

    /// Waits until the body is wanted; nil where it is not wanted at all.
    func writer(by deadline: Int64) throws(HTTPFailure) -> HTTPClient.Body.StreamWriter? {
        let (writer, isOver) = state.wait(until: deadline) {
            $0.writer == nil && $0.result == nil && !$0.isRefused
        } then: { state in
            state.isPieceOnItsWay = true
            return (state.writer, state.result != nil || state.isRefused)
        }
        if isOver { return nil }
        guard let writer else { throw .connection("no connection was made in time") }
        return writer
    }

    /// Waits until the connection has taken a piece; false where no more is wanted.
    func isPieceTaken(by deadline: Int64) throws(HTTPFailure) -> Bool {
        let (isTaken, isOver) = state.wait(until: deadline) {
            $0.isPieceOnItsWay && $0.result == nil && !$0.isRefused
        } then: { state in
            let isTaken = !state.isPieceOnItsWay
            state.isPieceOnItsWay = true
            return (isTaken, state.result != nil || state.isRefused)
        }
        if isOver { return false }
        guard isTaken else { throw .connection("the server stopped taking what is sent to it") }
        return true
    }

    /// Waits until an answer that came too early is whole. The request has not ended then: the client still wants to
    /// send.
    func awaitRefusal(by deadline: Int64) {
        state.wait(until: deadline, while: { $0.result == nil && !isWhole($0) }, then: { _ in })
    }

    /// Waits until nothing happens any more.
    func awaitEnd(by deadline: Int64) {
        state.wait(until: deadline, while: { $0.result == nil }, then: { _ in })
    }

    /// Waits for the end and tells the answer.
    func answer(by deadline: Int64) throws(HTTPFailure) -> HTTPAnswer {
        let end = state.wait(until: deadline, while: { $0.result == nil }, then: { $0 })
        if end.isTooLarge, !end.isRefused { throw .tooLarge }
        if let head = end.head, end.isRefused || isSuccess(end.result) {
            return HTTPAnswer(status: Int(head.status.code), headers: head.headers, body: end.body)
        }
        switch end.result {
        case .failure(let error): throw .connection(Self.text(error))
        case .success, nil: throw .connection("there was no whole answer in time")
        }
    }

    private func isWhole(_ state: State) -> Bool {
        guard let head = state.head else { return false }
        let length = head.headers.first(name: "content-length").flatMap(Int.init)
        return isHead || length.map { state.body.count >= $0 } ?? false
    }

    private func isSuccess(_ result: Result<Void, any Error>?) -> Bool {
        switch result {
        case .success: true
        case .failure, nil: false
        }
    }

    private static func text(_ error: any Error) -> String {
        switch error as? HTTPClientError {
        case .readTimeout?: "there was no answer in time"
        case .connectTimeout?: "no connection was made in time"
        case .remoteConnectionClosed?: "the server closed the connection"
        default: printable("\(error)")
        }
    }
}
