// Do bytes get from a program's standard streams to a unix socket and back, whoever hangs up first?
#include "harness/agent/bridge.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

#include "harness/agent/unix_socket.h"
#include "harness/agent_client.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(30'000)); }

struct Ends {
  Fd ours;
  Fd theirs;
};

Ends socket_pair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {.ours = Fd(fds[0]), .theirs = Fd(fds[1])};
}

/// What comes from `fd` until its end, or until `size` bytes are there.
std::string read_from(int fd, size_t size = static_cast<size_t>(-1)) {
  std::string all;
  std::array<char, 65536> piece{};
  while (all.size() < size && wait_readable(fd, soon()) == Wake::kReady) {
    const ssize_t got = ::read(fd, piece.data(), std::min(piece.size(), size - all.size()));
    if (got <= 0) break;
    all.append(piece.data(), static_cast<size_t>(got));
  }
  return all;
}

/// Of those that have ended.
Millis cpu_time_of_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  return Millis((used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
}

/// A program that bridges to a socket at which the test itself listens.
class Bridge : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("bridge-test");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    socket_ = folder_->path() / "s";
    auto listener = agent::listen_at(socket_);
    ASSERT_TRUE(listener) << listener.error().what;
    listener_ = *std::move(listener);
  }

  /// The program's standard streams are `in` and `out`. Gives the daemon's end of its connection.
  Fd start(const Fd& in, const Fd& out) {
    auto process = Process::start(
        {.argv = {agent_program(), "--bridge", socket_.string()}, .stdin_fd = in.get(), .stdout_fd = out.get()});
    EXPECT_TRUE(process) << process.error().what;
    process_.emplace(*std::move(process));
    EXPECT_EQ(wait_readable(listener_.get(), soon()), Wake::kReady);
    return Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  std::string ended() {
    const auto status = process_->wait(soon());
    return status ? status->describe() : status.error().what;
  }

  std::optional<TempDir> folder_;
  fs::path socket_;
  Fd listener_;
  std::optional<Process> process_;
};

TEST_F(Bridge, CarriesBothWaysUntilTheDaemonHangsUp) {
  Ends ends = socket_pair();
  Fd daemon = start(ends.theirs, ends.theirs);
  ends.theirs.reset();
  ASSERT_TRUE(write_all(ends.ours.get(), "request"));
  EXPECT_EQ(read_from(daemon.get(), 7), "request");
  ASSERT_TRUE(write_all(daemon.get(), "last words"));
  daemon.reset();
  EXPECT_EQ(read_from(ends.ours.get()), "last words");
  EXPECT_EQ(ended(), "exit code 0");
}

TEST_F(Bridge, BringsTheAnswerToOneWhoHasSaidAll) {
  Ends ends = socket_pair();
  Fd daemon = start(ends.theirs, ends.theirs);
  ends.theirs.reset();
  ASSERT_TRUE(write_all(ends.ours.get(), "all"));
  ::shutdown(ends.ours.get(), SHUT_WR);
  EXPECT_EQ(read_from(daemon.get()), "all") << "and then the end";
  ASSERT_TRUE(write_all(daemon.get(), "answer"));
  daemon.reset();
  EXPECT_EQ(read_from(ends.ours.get()), "answer");
  EXPECT_EQ(ended(), "exit code 0");
}

TEST_F(Bridge, HandsOnWhatWasSaidBeforeHangingUp) {
  Ends ends = socket_pair();
  const Fd daemon = start(ends.theirs, ends.theirs);
  ends.theirs.reset();
  ASSERT_TRUE(write_all(ends.ours.get(), "farewell"));
  ends.ours.reset();
  EXPECT_EQ(read_from(daemon.get()), "farewell");
  EXPECT_EQ(ended(), "exit code 0") << "though the daemon has not hung up";
}

TEST_F(Bridge, EndsWhenNobodyReadsItsPipeAnyMore) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  ASSERT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
  const Fd in_read(in[0]);
  const Fd in_write(in[1]);
  Fd out_read(out[0]);
  Fd out_write(out[1]);
  const Fd daemon = start(in_read, out_write);
  out_write.reset();
  ASSERT_TRUE(write_all(daemon.get(), "heard"));
  EXPECT_EQ(read_from(out_read.get(), 5), "heard");
  out_read.reset();
  EXPECT_EQ(ended(), "exit code 0") << "though its standard input is open";
}

TEST_F(Bridge, NeitherSideThatDoesNotReadStopsTheOther) {
  Ends ends = socket_pair();
  const Fd daemon = start(ends.theirs, ends.theirs);
  ends.theirs.reset();
  const std::string much(3'000'000, 'm');
  // More than all buffers on the way hold, in both directions, and nobody reads before both have begun.
  std::thread from_daemon([&] { EXPECT_TRUE(write_all(daemon.get(), much)); });
  std::thread to_daemon([&] { EXPECT_TRUE(write_all(ends.ours.get(), much)); });
  EXPECT_EQ(read_from(daemon.get(), much.size()), much);
  EXPECT_EQ(read_from(ends.ours.get(), much.size()), much);
  from_daemon.join();
  to_daemon.join();
}

TEST_F(Bridge, DoesNotSpinWhileAnEndIsGoneAndTheOtherIsFull) {
  std::array<int, 2> out{};
  ASSERT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
  const Fd out_read(out[0]);
  Fd out_write(out[1]);
  Ends in = socket_pair();
  const Millis before = cpu_time_of_children();
  Fd daemon = start(in.theirs, out_write);
  in.theirs.reset();
  out_write.reset();
  ASSERT_TRUE(write_all(daemon.get(), std::string(100'000, 'x')));  // more than the pipe holds
  in.ours.reset();
  daemon.reset();
  EXPECT_FALSE(process_->wait(Deadline::after(Millis(500)))) << "what it has is not lost";
  EXPECT_EQ(read_from(out_read.get()).size(), 100'000U);
  EXPECT_EQ(ended(), "exit code 0");
  EXPECT_LT(cpu_time_of_children() - before, Millis(200));
}

TEST_F(Bridge, SaysThatNobodyListens) {
  listener_.reset();
  const auto output = run({.argv = {agent_program(), "--bridge", socket_.string()}}, soon());
  ASSERT_TRUE(output);
  EXPECT_EQ(output->status.code, 1);
  EXPECT_THAT(output->err, HasSubstr("Connection refused"));
}

TEST_F(Bridge, TakesOneSocketAndNothingElse) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, {socket_.string(), "--detach"}}) {
    Command command{.argv = {agent_program(), "--bridge"}};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    const auto output = run(command, soon());
    ASSERT_TRUE(output);
    EXPECT_EQ(output->status.code, 2);
  }
}

TEST_F(Bridge, CarriesTheWholeProtocol) {
  const fs::path socket = folder_->path() / "agent";
  auto daemon = Process::start({.argv = {agent_program(), "--listen", socket.string()}});
  ASSERT_TRUE(daemon) << daemon.error().what;
  for (const Deadline deadline = soon(); !agent::connect_to(socket) && !deadline.expired();) {
    wait_until(Deadline::after(Millis(5)));
  }
  Ends ends = socket_pair();
  auto bridge = Process::start({.argv = {agent_program(), "--bridge", socket.string()},
                                .stdin_fd = ends.theirs.get(),
                                .stdout_fd = ends.theirs.get()});
  ASSERT_TRUE(bridge) << bridge.error().what;
  ends.theirs.reset();
  const auto agent = LinkAgent::adopt(std::move(ends.ours), soon());
  ASSERT_TRUE(agent) << agent.error().what;
  const auto uploaded = (*agent)->upload(agent_program(), soon());
  EXPECT_TRUE(uploaded) << uploaded.error().what;
}

}  // namespace
}  // namespace holdfast
