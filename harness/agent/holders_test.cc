// Does a holder keep what it was given open, and nothing else, until it is killed or the agent is gone?
#include "harness/agent/holders.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "harness/agent_client.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "tools/ctest/places.h"

namespace holdfast::agent {
namespace {

using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(10'000)); }

/// A pipe tells whether anybody still has its writing end: without one, its reading end is at its end.
struct Pipe {
  Fd reading;
  Fd writing;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {.reading = Fd(ends[0]), .writing = Fd(ends[1])};
}

bool is_closed(const Fd& reading, const Deadline& deadline) {
  return wait_readable(reading.get(), deadline) == Wake::kReady;
}
bool is_closed(const Fd& reading) { return is_closed(reading, Deadline::after(Millis(0))); }

class HoldersTest : public ::testing::Test {
 protected:
  wire::Handle add(Fd fd) { return handles_.add({.fd = std::move(fd), .what = "a pipe"}); }

  Handles handles_;
  Holders holders_;
};

TEST_F(HoldersTest, KeepsAFileOpenUntilItIsKilled) {
  Pipe pipe = make_pipe();
  const wire::Handle handle = add(std::move(pipe.writing));
  const auto holder = holders_.start(handles_, {handle});
  ASSERT_TRUE(holder) << holder.error().what;
  EXPECT_FALSE(is_closed(pipe.reading));
  EXPECT_FALSE(handles_.find(handle)) << "the handle has moved";
  ASSERT_TRUE(holders_.kill(*holder, soon()));
  EXPECT_TRUE(is_closed(pipe.reading)) << "a process that is gone has no files";
}

TEST_F(HoldersTest, KeepsWhatBelongsToAFile) {
  Pipe container = make_pipe();
  Pipe eventfd = make_pipe();
  Held held{.fd = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)), .what = "a device"};
  held.keeps.push_back(std::move(container.writing));
  held.irqs[2].push_back(std::move(eventfd.writing));
  const auto holder = holders_.start(handles_, {handles_.add(std::move(held))});
  ASSERT_TRUE(holder) << holder.error().what;
  EXPECT_FALSE(is_closed(container.reading));
  EXPECT_FALSE(is_closed(eventfd.reading));
  ASSERT_TRUE(holders_.kill(*holder, soon()));
  EXPECT_TRUE(is_closed(container.reading));
  EXPECT_TRUE(is_closed(eventfd.reading));
}

TEST_F(HoldersTest, KeepsNothingElseOpen) {
  Pipe given = make_pipe();
  Pipe other = make_pipe();
  const wire::Handle stays = add(std::move(other.writing));
  const auto holder = holders_.start(handles_, {add(std::move(given.writing))});
  ASSERT_TRUE(holder) << holder.error().what;
  ASSERT_TRUE(handles_.close(stays));
  EXPECT_TRUE(is_closed(other.reading));
  EXPECT_FALSE(is_closed(given.reading));
  EXPECT_TRUE(holders_.kill(*holder, soon()));
}

TEST_F(HoldersTest, KillsTheOneThatIsMeant) {
  Pipe first = make_pipe();
  Pipe second = make_pipe();
  const auto one = holders_.start(handles_, {add(std::move(first.writing))});
  const auto two = holders_.start(handles_, {add(std::move(second.writing))});
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(holders_.kill(*one, soon()));
  EXPECT_TRUE(is_closed(first.reading));
  EXPECT_FALSE(is_closed(second.reading));
  holders_.kill_all(soon());
  EXPECT_TRUE(is_closed(second.reading));
}

TEST_F(HoldersTest, LeavesAllFilesWhereTheyAreWhenOneIsUnknownOrNamedTwice) {
  Pipe pipe = make_pipe();
  const wire::Handle handle = add(std::move(pipe.writing));
  const auto unknown = holders_.start(handles_, {handle, 77});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().what, HasSubstr("no handle 77"));
  const auto twice = holders_.start(handles_, {handle, handle});
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().what, HasSubstr("named twice"));
  EXPECT_TRUE(handles_.find(handle));
  EXPECT_FALSE(is_closed(pipe.reading));
}

TEST_F(HoldersTest, KnowsAHolderUntilItIsKilled) {
  const auto holder = holders_.start(handles_, {});
  ASSERT_TRUE(holder);
  EXPECT_TRUE(holders_.kill(*holder, soon()));
  const auto again = holders_.kill(*holder, soon());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().type(), "harness.refused");
}

TEST_F(HoldersTest, StartsOnlySoMany) {
  while (holders_.start(handles_, {})) {
  }
  Pipe pipe = make_pipe();
  const wire::Handle handle = add(std::move(pipe.writing));
  EXPECT_FALSE(holders_.start(handles_, {handle}));
  EXPECT_TRUE(handles_.find(handle));
  holders_.kill_all(soon());
  EXPECT_TRUE(holders_.start(handles_, {handle}));
  holders_.kill_all(soon());
}

TEST(HoldersEnd, WhenTheAgentLetsGo) {
  Pipe pipe = make_pipe();
  {
    Handles handles;
    Holders holders;
    ASSERT_TRUE(holders.start(handles, {handles.add({.fd = std::move(pipe.writing), .what = "a pipe"})}));
    EXPECT_FALSE(is_closed(pipe.reading));
  }
  EXPECT_TRUE(is_closed(pipe.reading, soon()));
  ::wait(nullptr);
}

TEST(HoldersEnd, WhenTheAgentIsKilled) {
  Pipe pipe = make_pipe();
  Pipe ready = make_pipe();
  const pid_t agent = ::fork();
  ASSERT_GE(agent, 0);
  if (agent == 0) {
    Handles handles;
    Holders holders;
    const auto holder = holders.start(handles, {handles.add({.fd = std::move(pipe.writing), .what = "a pipe"})});
    if (!holder || ::write(ready.writing.get(), "!", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(1);
  }
  pipe.writing.reset();
  ASSERT_EQ(wait_readable(ready.reading.get(), soon()), Wake::kReady);
  EXPECT_FALSE(is_closed(pipe.reading));
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  EXPECT_TRUE(is_closed(pipe.reading, soon()));
  ::waitpid(agent, nullptr, 0);
}

// ---- by the agent's verbs

/// The processes that `parent` started and that are still there.
std::vector<pid_t> children_of(pid_t parent) {
  const auto list = read_file(fmt::format("/proc/{0}/task/{0}/children", parent));
  EXPECT_TRUE(list) << list.error().what;
  std::vector<pid_t> children;
  for (const std::string_view word : split(*list, ' ')) {
    if (const auto pid = parse_u64(word)) children.push_back(static_cast<pid_t>(*pid));
  }
  return children;
}

/// Is it gone, its number too? That is a moment after its files were closed.
bool is_gone(pid_t process) {
  for (const Deadline deadline = soon(); !deadline.expired(); wait_until(Deadline::after(Millis(5)))) {
    if (::kill(process, 0) != 0) return true;
  }
  return false;
}

class HoldersOfTheAgent : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("holders-test");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    const auto socket = folder_->path() / "agent.sock";
    auto process = Process::start({.argv = {agent_program(), "--listen", socket.string()}});
    ASSERT_TRUE(process) << process.error().what;
    process_ = std::make_unique<Process>(*std::move(process));
    auto adopted = LinkAgent::adopt(connect_to(socket), soon());
    ASSERT_TRUE(adopted) << adopted.error().what;
    agent_ = *std::move(adopted);
  }

  static Fd connect_to(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    for (const Deadline deadline = soon(); !deadline.expired(); wait_until(Deadline::after(Millis(5)))) {
      Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    }
    return Fd();
  }

  std::optional<TempDir> folder_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(HoldersOfTheAgent, AreStartedAndKilled) {
  const auto memfd = agent_->call(wire::MemfdCreate{.name = "held", .size = 1}, soon());
  ASSERT_TRUE(memfd) << memfd.error().what;
  const auto started = agent_->call(wire::HolderStart{.handles = {memfd->handle}}, soon());
  ASSERT_TRUE(started) << started.error().what;
  const auto holders = children_of(process_->pid());
  ASSERT_EQ(holders.size(), 1U);
  const auto closed = agent_->call(wire::Close{.handle = memfd->handle}, soon());
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().what, HasSubstr("no handle"));
  ASSERT_TRUE(agent_->call(wire::HolderKill{.holder = started->holder}, soon()));
  EXPECT_TRUE(is_gone(holders.front()));
  EXPECT_FALSE(agent_->call(wire::HolderKill{.holder = started->holder}, soon()));
}

TEST_F(HoldersOfTheAgent, EndWithIt) {
  ASSERT_TRUE(agent_->call(wire::HolderStart{}, soon()));
  ASSERT_TRUE(agent_->call(wire::HolderStart{}, soon()));
  const auto holders = children_of(process_->pid());
  ASSERT_EQ(holders.size(), 2U);
  ASSERT_EQ(::kill(process_->pid(), SIGTERM), 0);
  const auto ended = process_->wait(soon());
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->success()) << ended->describe();
  for (const pid_t holder : holders) EXPECT_TRUE(is_gone(holder)) << "holder " << holder << " has survived";
}

}  // namespace
}  // namespace holdfast::agent
