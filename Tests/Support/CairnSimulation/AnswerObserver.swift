package import CairnStore
package import Synchronization

/// Keeps the answers of a writer, and nothing else that it says.
package final class AnswerObserver: StoreObserver {
    package let answers = Mutex<[Answer]>([])

    package init() {}

    package func acknowledged(_ answers: [Answer]) { self.answers.withLock { $0 += answers } }
    package func suspended(_ reason: String) {}
    package func resumed() {}
    package func sealed() {}
    package func spaceChanged(to stage: SpaceStage, available: UInt64) {}
    package func displaced(_ displacement: Displacement, path: String) {}
    package func halted(_ error: StoreError) {}
}
