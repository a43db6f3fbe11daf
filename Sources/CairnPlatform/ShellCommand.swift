import Glibc

/// A command of the shell that is given something to read.
package enum ShellCommand {
    /// Runs `/bin/sh -c command` with `input` on its standard input, and waits for its end. Its output goes where that of
    /// this process goes. That it did not read everything is for its status to tell.
    ///
    /// - Parameter environment: what is set beside the environment of this process.
    /// - Returns: its exit status; 128 and the number of the signal that ended it.
    package static func run(
        _ command: String, input: [UInt8], environment: [(name: String, value: String)] = []
    ) throws(IOFailure) -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw IOFailure(operation: "pipe", path: "", code: errno) }
        let (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let process: pid_t
        do throws(IOFailure) {
            process = try spawn(command, input: reading, environment)
        } catch {
            close(reading)
            close(writing)
            throw error
        }
        close(reading)
        write(input, to: writing)
        close(writing)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw IOFailure(operation: "waitpid", path: command, code: errno) }
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    private static func spawn(
        _ command: String, input: Int32, _ environment: [(name: String, value: String)]
    ) throws(IOFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        // What this process ignores or blocks is its own affair.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (all, none) = (sigset_t(), sigset_t())
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let arguments = copies(["/bin/sh", "-c", command])
        defer { arguments.forEach { free($0) } }
        let variables = copies(variables(environment))
        defer { variables.forEach { free($0) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, "/bin/sh", &actions, &attributes, arguments, variables)
        guard result == 0 else { throw IOFailure(operation: "posix_spawn", path: "/bin/sh", code: result) }
        return process
    }

    /// For C, with a nil behind them; the caller frees them.
    private static func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { strdup($0) } + [nil]
    }

    private static func variables(_ added: [(name: String, value: String)]) -> [String] {
        var own: [String] = []
        var place = environ
        while let entry = place.pointee {
            let text = String(cString: entry)
            if !added.contains(where: { text.hasPrefix("\($0.name)=") }) { own.append(text) }
            place += 1
        }
        return own + added.map { "\($0.name)=\($0.value)" }
    }

    /// A reader that closes early is no failure: EPIPE, without the signal.
    private static func write(_ input: [UInt8], to descriptor: Int32) {
        var block = sigset_t()
        var before = sigset_t()
        sigemptyset(&block)
        sigaddset(&block, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &block, &before)
        var done = 0
        input.withUnsafeBytes { bytes in
            while done < bytes.count, let start = bytes.baseAddress {
                let count = Glibc.write(descriptor, start + done, bytes.count - done)
                if count > 0 {
                    done += count
                } else if errno != EINTR {
                    return
                }
            }
        }
        if done < input.count {
            // The signal is of this thread; it is taken before anybody can be ended by it.
            var none = timespec()
            _ = sigtimedwait(&block, nil, &none)
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
}
