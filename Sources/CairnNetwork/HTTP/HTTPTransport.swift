import AsyncHTTPClient
import CairnArchive
import CairnPlatform
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request without its body.
struct HTTPRequest {
    var method: HTTPMethod
    var url: String
    var headers: HTTPHeaders
}

struct HTTPAnswer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
}

/// Why there is no answer.
enum HTTPFailure: Error {
    /// The connection was not made, broke, or took too long. It may work later.
    case connection(String)
    /// The body of the answer is larger than was asked for.
    case tooLarge
    /// What was to be sent could not be read.
    case source(ArchiveError)
}

/// How long a step of a request may take without anything happening, in nanoseconds.
struct HTTPTimeouts: Sendable {
    /// For the connection, name and TLS among it.
    var connect: Int64 = 10_000_000_000
    /// For the server to take the next piece of the body: `HTTPTransport.pieceBytes`.
    var piece: Int64 = 60_000_000_000
    /// For the next bytes of the answer.
    var answer: Int64 = 60_000_000_000
    /// For the rest of an answer that came before the body was sent: its status says the most, its body only why.
    var refusal: Int64 = 2_000_000_000
    /// An answer may take as long in all as it would at so many bytes a second, so that a server that drips cannot hold
    /// a thread for ever.
    var slowestBytesPerSecond: Int64 = 16 << 10
}

/// Sends requests and waits for their answers on the calling thread.
///
/// AsyncHTTPClient does its part on the threads of an event loop; the caller's thread reads the body, waits where the
/// server is slow, and gives up when it is too slow. So a body is never held in memory beyond a piece, and nothing of
/// the caller's is touched by another thread.
final class HTTPTransport: Sendable {
    /// Bytes of a body that are read and sent at once.
    static let pieceBytes = 256 << 10
    /// Bytes that the body of any answer may have, asked for or not: errors explain themselves in fewer.
    static let leastAnswerBytes = 64 << 10

    private let client: HTTPClient
    /// Where everything of this client happens. With one loop, what is done there in one go comes before everything
    /// that the server may do about it.
    private let loop: any EventLoop
    private let timeouts: HTTPTimeouts
    private let clock = SystemTimeSource()

    init(_ timeouts: HTTPTimeouts = HTTPTimeouts()) {
        var configuration = HTTPClient.Configuration(
            // A redirect is for the caller to see: the signature names the host.
            redirectConfiguration: .disallow,
            timeout: .init(connect: .nanoseconds(timeouts.connect), read: .nanoseconds(timeouts.answer)),
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        // There is one place for retries, and it is not this one.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        loop = client.eventLoopGroup.next()
        self.timeouts = timeouts
    }

    deinit {
        // Nothing runs any more that could fail: every request was waited for.
        try? client.syncShutdown()
    }

    /// - Parameters:
    ///   - body: what to send behind the head; nil for nothing.
    ///   - answerLimit: the most bytes that the body of the answer may have, unless that is an error's.
    func perform(
        _ request: HTTPRequest, body: S3Body? = nil, answerLimit: Int = leastAnswerBytes
    ) throws(HTTPFailure) -> HTTPAnswer {
        let limit = max(answerLimit, Self.leastAnswerBytes)
        let exchange = HTTPExchange(limit: limit, isHead: request.method == .HEAD)
        let bodyEnd = loop.makePromise(of: Void.self)
        // Where it has ended well already, this does nothing.
        defer { bodyEnd.fail(HTTPClientError.cancelled) }
        let task = try start(request, bodyBytes: body?.size ?? 0, exchange, bodyEnd.futureResult)
        task.futureResult.whenComplete { exchange.end($0) }
        do {
            if let body, body.size > 0, try !send(body, exchange, bodyEnd) {
                exchange.awaitRefusal(by: deadline(timeouts.refusal))
                task.cancel()
            }
            let slowest = Int64(limit) / timeouts.slowestBytesPerSecond * 1_000_000_000
            return try exchange.answer(by: deadline(timeouts.connect + timeouts.answer + slowest))
        } catch {
            task.cancel()
            exchange.awaitEnd(by: deadline(timeouts.refusal))
            throw error
        }
    }

    private func start(
        _ request: HTTPRequest, bodyBytes: UInt64, _ exchange: HTTPExchange, _ bodyEnd: EventLoopFuture<Void>
    ) throws(HTTPFailure) -> HTTPClient.Task<Void> {
        do {
            var whole = try HTTPClient.Request(url: request.url, method: request.method, headers: request.headers)
            if bodyBytes > 0 {
                whole.body = .stream(contentLength: Int64(bodyBytes)) { writer in
                    exchange.begin(writer)
                    return bodyEnd
                }
            }
            return client.execute(request: whole, delegate: exchange, eventLoop: .delegateAndChannel(on: loop))
        } catch {
            throw .connection("the address is not one: \(printable("\(error)"))")
        }
    }

    /// Sends the body piece by piece, as fast as the connection takes it.
    ///
    /// - Returns: false where the server said no before it had read everything, and the rest is not wanted.
    private func send(
        _ body: S3Body, _ exchange: HTTPExchange, _ bodyEnd: EventLoopPromise<Void>
    ) throws(HTTPFailure) -> Bool {
        guard let writer = try exchange.writer(by: deadline(timeouts.connect + timeouts.piece)) else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        while !body.isAtEnd {
            let count: Int
            do throws(ArchiveError) {
                count = try body.next(into: buffer)
            } catch {
                throw .source(error)
            }
            let piece = ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            if body.isAtEnd {
                // In one go: a server that has all bytes can answer before it, or the client, sees the end of them, and
                // AsyncHTTPClient does not take that well (it loses the answer, or stops the process).
                loop.execute {
                    _ = writer.write(.byteBuffer(piece))
                    bodyEnd.succeed(())
                }
                body.sent()
                return true
            }
            writer.write(.byteBuffer(piece)).whenSuccess { exchange.tookPiece() }
            guard try exchange.isPieceTaken(by: deadline(timeouts.piece)) else { return false }
            body.sent()
        }
        return true
    }

    private func deadline(_ nanoseconds: Int64) -> Int64 { clock.monotonic() + nanoseconds }
}

/// Text from outside, fit for a message: one short line without anything that could steer a terminal.
func printable(_ text: String) -> String {
    let most = 300
    let safe = text.unicodeScalars.prefix(most).map { scalar in
        scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7F ? Character(scalar) : "?"
    }
    return String(safe)
}
