internal import CairnPlatform
internal import CairnStore

/// Wakes the writer when a name in its directory comes, goes or changes that it may not have changed itself, so that it
/// looks after its files at once and not only when the next event comes. Nothing runs while nothing happens.
final class LogWatch: Sendable {
    private let watch: DirectoryWatch
    private let thread: DedicatedThread

    /// Names change in bursts, mostly by the writer itself; one look is enough for all of a burst.
    private static let pauseMilliseconds: Int32 = 200

    init(_ directory: String, _ writer: StoreWriter) throws(IOFailure) {
        let watch = try DirectoryWatch(root: directory, directories: ["", "segments", "keys"], namesOnly: true)
        self.watch = watch
        thread = try DedicatedThread(name: "cairn-watch") {
            // A failure ends the watch; the writer goes on to look behind its own commits.
            while (try? watch.wait(timeoutMilliseconds: -1)) == true {
                writer.inspect()
                watch.pause(milliseconds: Self.pauseMilliseconds)
            }
        }
    }

    func stop() {
        watch.stop()
        thread.join()
    }
}
