// Does the real agent, run as a daemon, answer what it should, refuse what it should, and survive all of it?
#include "harness/agent/daemon.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <optional>
#include <set>

#include "harness/agent_client.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/wire/verbs_crash.h"
#include "harness/wire/verbs_luo.h"
#include "harness/wire/verbs_pci.h"
#include "harness/wire/verbs_vfio.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(10'000)); }

wire::Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

/// A connection, as soon as somebody listens there.
Fd connect_to(const fs::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  for (const Deadline deadline = soon(); !deadline.expired(); wait_until(Deadline::after(Millis(5)))) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  }
  return Fd();
}

/// The process that has `word` among its arguments.
std::optional<pid_t> process_with_argument(std::string_view word) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto pid = parse_u64(entry.path().filename().string());
    const auto arguments = pid ? read_file(entry.path() / "cmdline") : Result<std::string>();
    if (pid && arguments && arguments->find(word) != std::string::npos) return static_cast<pid_t>(*pid);
  }
  return std::nullopt;
}

/// An agent that listens in a folder of its own.
class AgentDaemon : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("agent-test");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    socket_ = folder_->path() / "agent.sock";
    start();
  }

  void start() {
    auto process = Process::start({.argv = {agent_program(), "--listen", socket_.string()}});
    ASSERT_TRUE(process) << process.error().what;
    process_.emplace(*std::move(process));
  }

  std::unique_ptr<Agent> connect() {
    auto agent = LinkAgent::adopt(connect_to(socket_), soon());
    EXPECT_TRUE(agent) << agent.error().what;
    return *std::move(agent);
  }

  /// What the agent answers to bytes that no LinkAgent would send; the hello is read before.
  Result<wire::Refusal> answer_to(std::string_view bytes) {
    const Fd fd = connect_to(socket_);
    TRY(write_all(fd.get(), bytes));
    wire::FrameReader reader;
    while (true) {
      while (auto came = reader.next()) {
        const auto envelope = TRY(wire::open_envelope(std::get<wire::Message>(*came)));
        if (envelope.kind == wire::Envelope::Kind::kRefusal) return envelope.refusal;
      }
      if (wait_readable(fd.get(), soon()) != Wake::kReady) return lab_error("timeout", "no answer");
      std::array<char, 4096> piece{};
      const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
      if (got <= 0) return lab_error("link", "the agent hung up");
      reader.feed(std::string_view(piece.data(), static_cast<size_t>(got)));
    }
  }
  Result<wire::Refusal> answer_to_text(std::string text) {
    return answer_to(wire::encode_frame({.text = std::move(text), .blob = {}}));
  }

  std::optional<TempDir> folder_;
  fs::path socket_;
  std::optional<Process> process_;
};

TEST_F(AgentDaemon, SaysWhoItIs) {
  const auto agent = connect();
  const wire::Hello& hello = agent->hello();
  EXPECT_EQ(hello.boot_id + "\n", *read_file("/proc/sys/kernel/random/boot_id"));
  EXPECT_EQ(hello.agent_build, *sha256_file(agent_program()));
  EXPECT_EQ(hello.protocol, wire::kProtocolVersion);
  EXPECT_FALSE(hello.is_init);
  EXPECT_GT(hello.uptime_ms, 0U);
  EXPECT_FALSE(hello.release.empty());
  const auto again = agent->call(wire::Hello{}, soon());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->boot_id, hello.boot_id);
}

TEST_F(AgentDaemon, LetsOnlyItsOwnerConnect) {
  connect();
  struct stat status{};
  ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

/// The inodes of a process's sockets.
std::set<std::string> sockets_of(pid_t pid) {
  std::set<std::string> inodes;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    std::error_code gone;
    const std::string leads_to = fs::read_symlink(entry.path(), gone).string();
    if (leads_to.starts_with("socket:[")) inodes.insert(leads_to.substr(8, leads_to.size() - 9));
  }
  return inodes;
}

/// Those of `inodes` that a table of /proc/net has.
size_t listed_in(const std::string& table, const std::set<std::string>& inodes) {
  const auto text = read_file(table);
  size_t count = 0;
  for (const std::string_view line : split(text ? std::string_view(*text) : std::string_view(), '\n')) {
    for (const std::string_view word : split(line, ' ')) count += inodes.contains(std::string(word)) ? 1 : 0;
  }
  return count;
}

TEST_F(AgentDaemon, ListensNowhereElse) {
  const auto agent = connect();
  const auto sockets = sockets_of(process_->pid());
  EXPECT_EQ(sockets.size(), 2U) << "one that listens, one that serves";
  EXPECT_EQ(listed_in("/proc/net/unix", sockets), 2U) << "and so they would be found in the other tables";
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6", "/proc/net/raw",
                            "/proc/net/packet", "/proc/net/netlink"}) {
    EXPECT_EQ(listed_in(table, sockets), 0U) << table;
  }
}

// ---- what is wrong is refused, and kills nobody

TEST_F(AgentDaemon, NamesTheNearestVerb) {
  const auto refusal = answer_to_text(R"({"id":3,"verb":"vfio_bindd","args":{}})");
  ASSERT_TRUE(refusal) << refusal.error().what;
  EXPECT_EQ(refusal->origin, "agent");
  EXPECT_THAT(refusal->what, AllOf(HasSubstr("vfio_bindd"), HasSubstr("nearest is \"vfio_bind\"")));
}

TEST_F(AgentDaemon, RefusesWhatIsNoRequestAndGoesOn) {
  const std::string good = wire::encode_frame(wire::make_request(1, wire::Hello{}));
  std::string damaged = good;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  const std::array<std::string, 8> wrong{
      damaged,
      wire::encode_frame({.text = "", .blob = {}}),
      wire::encode_frame({.text = "\xff\xfe", .blob = {}}),
      wire::encode_frame({.text = std::string(wire::kMaxText, '['), .blob = {}}),
      wire::encode_frame({.text = R"({"id":1,"verb":"put","args":{"sha256":7}})", .blob = {}}),
      wire::encode_frame({.text = R"({"id":1,"verb":"close","args":{"handle":-1}})", .blob = {}}),
      wire::encode_frame(wire::make_reply(1, wire::Empty{})),
      "noise HFW1 noise" + wire::encode_frame({.text = "{}", .blob = wire::Bytes(wire::kMaxBlob)})};
  for (const std::string& bytes : wrong) {
    const auto refusal = answer_to(bytes);
    ASSERT_TRUE(refusal) << refusal.error().what << " after " << printable(bytes.substr(0, 80));
    EXPECT_EQ(refusal->origin, "agent");
    EXPECT_FALSE(refusal->what.empty());
  }
  EXPECT_TRUE(connect()->call(wire::Hello{}, soon()));
}

TEST_F(AgentDaemon, FindsARequestBehindNoise) {
  const auto refusal =
      answer_to("noise" + wire::encode_frame({.text = R"({"id":1,"verb":"x","args":{}})", .blob = {}}));
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->what, HasSubstr("no verb \"x\""));
}

TEST_F(AgentDaemon, SaysWhichHandleIsNotThere) {
  const auto closed = connect()->call(wire::Close{.handle = 77}, soon());
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().type(), "harness.refused");
  EXPECT_THAT(closed.error().what, HasSubstr("no handle 77"));
}

TEST_F(AgentDaemon, IsNotToldToPowerAHostOff) {
  const auto off = connect()->call(wire::PowerOff{}, soon());
  ASSERT_FALSE(off);
  EXPECT_EQ(off.error().type(), "harness.refused");
}

TEST_F(AgentDaemon, IsNotToldToCrashAHost) {
  const auto agent = connect();
  const auto crashed = agent->call(wire::CrashNow{.boot_id = agent->boot_id()}, soon());
  ASSERT_FALSE(crashed);
  EXPECT_EQ(crashed.error().type(), "harness.refused");
}

TEST_F(AgentDaemon, WritesOnlyBelowThePciBus) {
  const auto agent = connect();
  for (const char* path : {"/sys/kernel/mm/ksm/run", "/sys/bus/pci/../../kernel/mm/ksm/run", "/sys/bus/pci", "relative",
                           "/sys/bus/pci/./rescan", "/sys/bus/pcix/rescan", ""}) {
    const auto written = agent->call(wire::SysfsWrite{.path = path, .text = "0", .wait_ms = 10}, soon());
    ASSERT_FALSE(written) << path;
    EXPECT_EQ(written.error().type(), "harness.refused") << path;
  }
  const auto missing =
      agent->call(wire::SysfsWrite{.path = "/sys/bus/pci/no/such", .text = "0", .wait_ms = 10}, soon());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().type(), "kernel.refused");
  EXPECT_EQ(missing.error().errnum, ENOENT);
}

TEST_F(AgentDaemon, SaysThatThereIsNoSuchDevice) {
  const auto agent = connect();
  const auto bound = agent->call(wire::VfioBind{.bdf = "ffff:ff:1f.7"}, soon());
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().errnum, ENODEV);
  EXPECT_EQ(bound.error().type(), "kernel.refused");
  const auto traversing = agent->call(wire::VfioBind{.bdf = "../../../etc"}, soon());
  ASSERT_FALSE(traversing);
  EXPECT_EQ(traversing.error().type(), "harness.refused");
}

// ---- files

TEST_F(AgentDaemon, TakesAFileInPieces) {
  const auto agent = connect();
  const fs::path file = folder_->path() / "payload";
  std::string content(2'500'000, 'k');
  content[1'500'000] = '\0';
  ASSERT_TRUE(write_file(file, content));
  EXPECT_FALSE(agent->call(wire::Have{.sha256 = sha256(content)}, soon())->have);
  const auto sent = agent->upload(file, soon());
  ASSERT_TRUE(sent) << sent.error().what;
  EXPECT_EQ(*sent, sha256(content));
  EXPECT_TRUE(agent->call(wire::Have{.sha256 = *sent}, soon())->have);
  EXPECT_EQ(*read_file(socket_.string() + ".files/" + *sent), content);
  EXPECT_TRUE(agent->upload(file, soon())) << "a file that is there is not sent again";
}

TEST_F(AgentDaemon, LoadsNoKernelThatItDoesNotHave) {
  const auto loaded = connect()->call(wire::KexecLoad{.kernel = sha256("x"), .initrd = "", .cmdline = ""}, soon());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().type(), "harness.refused");
}

// ---- what is held

TEST_F(AgentDaemon, KeepsMemoryUnderAHandle) {
  const auto agent = connect();
  const auto memfd = agent->call(wire::MemfdCreate{.name = "test", .size = 8192}, soon());
  ASSERT_TRUE(memfd) << memfd.error().what;
  ASSERT_TRUE(agent->call(wire::MemfdWrite{.memfd = memfd->handle, .offset = 4096, .blob = bytes_of("kept")}, soon()));
  const auto read = agent->call(wire::MemfdRead{.memfd = memfd->handle, .offset = 4095, .length = 6}, soon());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->blob, bytes_of(std::string_view("\0kept\0", 6)));
  const auto end = agent->call(wire::MemfdRead{.memfd = memfd->handle, .offset = 8190, .length = 100}, soon());
  ASSERT_TRUE(end);
  EXPECT_EQ(end->blob.size(), 2U);
  const auto much = agent->call(wire::MemfdRead{.memfd = memfd->handle, .offset = 0, .length = 0xFFFFFFFF}, soon());
  EXPECT_FALSE(much);
}

TEST_F(AgentDaemon, OpensNullAndNothingElseOutsideOfVfio) {
  const auto agent = connect();
  EXPECT_TRUE(agent->call(wire::NodeOpen{.path = "/dev/null"}, soon()));
  for (const char* path : {"/etc/passwd", "/dev/vfio/../../etc/passwd", "/dev/vfio", "/dev/vfio/", "/dev/mem", ""}) {
    const auto opened = agent->call(wire::NodeOpen{.path = path}, soon());
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().type(), "harness.refused") << path;
  }
}

TEST_F(AgentDaemon, GivesTheKernelsAnswerToAWrongFile) {
  const auto agent = connect();
  const auto null = agent->call(wire::NodeOpen{.path = "/dev/null"}, soon());
  ASSERT_TRUE(null);
  const auto finished = agent->call(wire::LuoFinish{.session = null->handle}, soon());
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().type(), "kernel.refused");
  EXPECT_EQ(finished.error().errnum, ENOTTY);
  EXPECT_THAT(finished.error().what, AllOf(HasSubstr("FINISH of handle 1 (/dev/null)"), HasSubstr("ENOTTY")));
}

TEST_F(AgentDaemon, KeepsHandlesOverConnectionsAndUsesNoNumberTwice) {
  wire::Handle kept = 0;
  {
    const auto first = connect();
    const auto memfd = first->call(wire::MemfdCreate{.name = "kept", .size = 16}, soon());
    ASSERT_TRUE(memfd);
    kept = memfd->handle;
    ASSERT_TRUE(first->call(wire::MemfdWrite{.memfd = kept, .offset = 0, .blob = bytes_of("still here")}, soon()));
  }
  const auto second = connect();
  const auto read = second->call(wire::MemfdRead{.memfd = kept, .offset = 0, .length = 10}, soon());
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->blob, bytes_of("still here"));
  ASSERT_TRUE(second->call(wire::Close{.handle = kept}, soon()));
  EXPECT_FALSE(second->call(wire::MemfdRead{.memfd = kept, .offset = 0, .length = 1}, soon()));
  EXPECT_GT(second->call(wire::MemfdCreate{.name = "", .size = 1}, soon())->handle, kept);
}

TEST_F(AgentDaemon, AnswersASecondConnectionAfterTheFirstOne) {
  auto first = connect();
  auto link = Link::over(connect_to(socket_));
  ASSERT_TRUE(link);
  const auto second = std::make_shared<Link>(*std::move(link));
  EXPECT_FALSE(LinkAgent::adopt(second, "", Deadline::after(Millis(200))));
  EXPECT_TRUE(first->call(wire::Hello{}, soon()));
  first.reset();
  EXPECT_TRUE(LinkAgent::adopt(second, "", soon()));
}

// ---- its beginning and its end

TEST_F(AgentDaemon, EndsOnSigtermAndLeavesNothingBehind) {
  const auto agent = connect();
  ASSERT_TRUE(agent->call(wire::Put{.sha256 = sha256(""), .total_size = 0, .offset = 0, .blob = {}}, soon()));
  process_->signal_group(SIGTERM);
  const auto ended = process_->wait(soon());
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->success()) << ended->describe();
  EXPECT_TRUE(fs::is_empty(folder_->path()));
}

TEST_F(AgentDaemon, RetiresWhenItHoldsNothing) {
  const auto agent = connect();
  const auto memfd = agent->call(wire::MemfdCreate{.name = "held", .size = 16}, soon());
  ASSERT_TRUE(memfd);
  const auto refused = agent->call(wire::Retire{}, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "harness.refused");
  EXPECT_THAT(refused.error().what, HasSubstr("open files"));
  ASSERT_TRUE(agent->call(wire::Close{.handle = memfd->handle}, soon()));
  ASSERT_TRUE(agent->call(wire::Retire{}, soon()));
  const auto ended = process_->wait(soon());
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->success()) << ended->describe();
  EXPECT_TRUE(fs::is_empty(folder_->path()));
}

TEST_F(AgentDaemon, HasTheFilesThatWereThereBefore) {
  const fs::path files = folder_->path() / "given";
  ASSERT_TRUE(make_dirs(files));
  ASSERT_TRUE(write_file(files / sha256("given"), "given"));
  EXPECT_FALSE(connect()->call(wire::Have{.sha256 = sha256("given")}, soon())->have);
  socket_ = folder_->path() / "second.sock";
  auto process = Process::start({.argv = {agent_program(), "--listen", socket_.string(), "--files", files.string()}});
  ASSERT_TRUE(process) << process.error().what;
  EXPECT_TRUE(connect()->call(wire::Have{.sha256 = sha256("given")}, soon())->have);
}

TEST_F(AgentDaemon, TakesThePlaceOfOneThatWasKilled) {
  connect();
  process_->signal_group(SIGKILL);
  ASSERT_TRUE(process_->wait(soon()));
  ASSERT_TRUE(fs::exists(socket_));
  start();
  EXPECT_TRUE(connect()->call(wire::Hello{}, soon()));
}

TEST_F(AgentDaemon, DoesNotTakeThePlaceOfOneThatListens) {
  connect();
  const auto second = run({.argv = {agent_program(), "--listen", socket_.string()}}, soon());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status.code, 2);
  EXPECT_THAT(second->err, HasSubstr("somebody listens"));
  EXPECT_TRUE(connect()->call(wire::Hello{}, soon()));
}

TEST_F(AgentDaemon, GoesOnByItselfWhenDetached) {
  process_->signal_group(SIGTERM);
  ASSERT_TRUE(process_->wait(soon()));
  const auto started = run({.argv = {agent_program(), "--listen", socket_.string(), "--detach"}}, soon());
  ASSERT_TRUE(started) << started.error().what;
  EXPECT_TRUE(started->status.success()) << started->err;
  const auto daemon = process_with_argument(socket_.string());
  ASSERT_TRUE(daemon);
  EXPECT_EQ(::getsid(*daemon), *daemon) << "it leads a session of its own";
  EXPECT_TRUE(connect()->call(wire::Hello{}, soon()));
  ASSERT_EQ(::kill(*daemon, SIGTERM), 0);
  for (const Deadline deadline = soon(); fs::exists(socket_) && !deadline.expired();) {
    wait_until(Deadline::after(Millis(5)));
  }
  EXPECT_FALSE(fs::exists(socket_));
}

TEST(AgentProgram, ExplainsItself) {
  const auto help = run({.argv = {agent_program(), "--help"}}, soon());
  ASSERT_TRUE(help);
  EXPECT_TRUE(help->status.success());
  EXPECT_THAT(help->out, HasSubstr("--listen"));
  const auto version = run({.argv = {agent_program(), "--version"}}, soon());
  ASSERT_TRUE(version);
  EXPECT_THAT(version->out, HasSubstr(*sha256_file(agent_program())));
}

TEST(AgentProgram, RefusesWrongUsage) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--listen"},
                                                {"--frobnicate"},
                                                {"--listen", std::string(200, 'x')},
                                                {"--listen", "/dev/null"}}) {
    Command command{.argv = {agent_program()}};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    const auto output = run(command, soon());
    ASSERT_TRUE(output);
    EXPECT_EQ(output->status.code, 2) << join(words, " ");
    EXPECT_FALSE(output->err.empty());
  }
}

}  // namespace
}  // namespace holdfast
