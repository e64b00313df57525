#include "buffers/journal.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include <pellucid/error.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::pellucid::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Key kKey{0x1234, 0x5678};

TEST(Journal, remembers_blocks_after_a_restart) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    journal.stored("restore", "mean", 0, kKey, 17);
    journal.stored("restore", "mean", 1, kKey, 18);
    journal.stored("restore", "std", 0, kKey, 19);
    EXPECT_EQ(journal.find("restore", "mean", 1)->checksum, 18u);
  }
  const Journal journal(folder / "journal");
  EXPECT_EQ(journal.find("restore", "mean", 0)->checksum, 17u);
  EXPECT_EQ(journal.find("restore", "mean", 0)->key, kKey);
  EXPECT_EQ(journal.count("restore", "mean"), 2);
  EXPECT_FALSE(journal.find("restore", "mean", 2));
  EXPECT_FALSE(journal.find("other", "mean", 0));
  EXPECT_EQ(journal.lost_bytes(), 0);
}

TEST(Journal, a_dropped_block_is_gone_until_it_is_stored_again) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    journal.stored("a", "x", 3, kKey, 1);
    journal.dropped("a", "x", 3);
    EXPECT_FALSE(journal.find("a", "x", 3));
    journal.stored("a", "y", 3, kKey, 1);
    journal.dropped("a", "y", 3);
    journal.stored("a", "y", 3, kKey, 2);
  }
  const Journal journal(folder / "journal");
  EXPECT_FALSE(journal.find("a", "x", 3));
  EXPECT_EQ(journal.find("a", "y", 3)->checksum, 2u);
}

TEST(Journal, only_what_stood_before_the_marked_position_is_durable) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    journal.stored("a", "x", 0, kKey, 1);
    const std::int64_t position = journal.position();
    journal.stored("a", "x", 1, kKey, 1);  // while the data files are being synced
    journal.mark(position);
    journal.stored("a", "x", 2, kKey, 1);
    EXPECT_TRUE(journal.find("a", "x", 0)->durable);
  }
  const Journal journal(folder / "journal");
  EXPECT_TRUE(journal.find("a", "x", 0)->durable);
  EXPECT_FALSE(journal.find("a", "x", 1)->durable);
  EXPECT_THAT(journal.unmarked(),
              ElementsAre(Journal::Place{"a", "x", 1}, Journal::Place{"a", "x", 2}));
}

TEST(Journal, cuts_off_a_line_torn_at_any_byte) {
  const TemporaryFolder folder;
  const fs::path path = folder / "journal";
  std::int64_t before = 0;
  {
    Journal journal(path);
    journal.stored("a", "x", 0, kKey, 1);
    before = journal.position();
    journal.stored("a", "x", 1, kKey, 2);
  }
  const auto whole = static_cast<std::int64_t>(fs::file_size(path));
  for (std::int64_t size = before + 1; size < whole; ++size) {
    const fs::path torn = folder / "torn";
    fs::copy_file(path, torn, fs::copy_options::overwrite_existing);
    fs::resize_file(torn, static_cast<std::uintmax_t>(size));
    {
      Journal journal(torn);
      EXPECT_TRUE(journal.find("a", "x", 0));
      EXPECT_FALSE(journal.find("a", "x", 1));
      EXPECT_EQ(journal.lost_bytes(), size - before);
      journal.stored("a", "x", 1, kKey, 3);
    }
    EXPECT_EQ(Journal(torn).find("a", "x", 1)->checksum, 3u);
  }
}

TEST(Journal, a_file_torn_within_its_first_line_starts_anew) {
  const TemporaryFolder folder;
  std::ofstream(folder / "journal") << "pellucid-jou";
  Journal journal(folder / "journal");
  journal.stored("a", "x", 0, kKey, 1);
  EXPECT_TRUE(Journal(folder / "journal").find("a", "x", 0));
}

TEST(Journal, trusts_nothing_behind_a_damaged_line) {
  const TemporaryFolder folder;
  std::int64_t first = 0;
  {
    Journal journal(folder / "journal");
    journal.stored("a", "x", 0, kKey, 1);
    first = journal.position();
    journal.stored("a", "x", 1, kKey, 1);
    journal.stored("a", "x", 2, kKey, 1);
    journal.mark(journal.position());
  }
  {
    std::fstream file(folder / "journal", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(first + 10);
    file.put('!');
  }
  const Journal journal(folder / "journal");
  EXPECT_TRUE(journal.find("a", "x", 0));
  EXPECT_FALSE(journal.find("a", "x", 2));
  EXPECT_FALSE(journal.find("a", "x", 0)->durable);
}

TEST(Journal, keeps_notes_in_order) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    journal.note("skipped", "camera 3: 'x ~ y' is no number");
    journal.note("other", "");
    journal.note("skipped", "camera 9: again");
    journal.note("reason", "two\nlines, \\n and \\");
  }
  const Journal journal(folder / "journal");
  EXPECT_THAT(journal.notes("skipped"),
              ElementsAre(Journal::Note{"skipped", "camera 3: 'x ~ y' is no number"},
                          Journal::Note{"skipped", "camera 9: again"}));
  EXPECT_THAT(journal.notes("other"), ElementsAre(Journal::Note{"other", ""}));
  EXPECT_THAT(journal.notes("reason"),
              ElementsAre(Journal::Note{"reason", "two\nlines, \\n and \\"}));
}

TEST(Journal, refuses_a_file_that_is_none) {
  const TemporaryFolder folder;
  std::ofstream(folder / "journal") << "something else entirely, long enough\n";
  EXPECT_THAT(message_of<Error>([&] { Journal(folder / "journal"); }),
              HasSubstr("is no journal of this version of Pellucid"));
}

TEST(Journal, refuses_names_with_spaces) {
  const TemporaryFolder folder;
  Journal journal(folder / "journal");
  EXPECT_THROW(journal.stored("a b", "x", 0, kKey, 1), Error);
  EXPECT_THROW(journal.stored("a", "", 0, kKey, 1), Error);
}

TEST(Journal, takes_entries_of_many_threads) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (int block = thread; block < 400; block += 4) {
          journal.stored("a", "x", block, kKey, static_cast<std::uint64_t>(block));
          if (block % 50 == 0) journal.mark(journal.position());
        }
      });
    for (auto& thread : threads) thread.join();
  }
  const Journal journal(folder / "journal");
  EXPECT_EQ(journal.count("a", "x"), 400);
  for (int block = 0; block < 400; ++block)
    EXPECT_EQ(journal.find("a", "x", block)->checksum, static_cast<std::uint64_t>(block));
}

TEST(Journal, loads_a_million_entries_in_about_a_second) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "small");
    journal.stored("restore", "mean", 0, kKey, 1);
  }
  {
    // Written in one piece: what is measured is the reading.
    Journal journal(folder / "journal");
    std::string text;
    for (std::int64_t block = 0; block < 1'000'000; ++block) {
      const std::string body =
          "block restore mean " + std::to_string(block) + " " + kKey.text() + " 00000000000000ff";
      text += body + " ~" + checksum_text(checksum(body.data(), std::ssize(body))) + "\n";
    }
    std::ofstream(folder / "journal", std::ios::app) << text;
  }
  const auto start = std::chrono::steady_clock::now();
  const Journal journal(folder / "journal");
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::cout << "loaded a million entries in " << seconds << " s\n";
  EXPECT_EQ(journal.count("restore", "mean"), 1'000'000);
  EXPECT_LT(seconds, 10);  // room for sanitizers and a busy machine
}

}  // namespace
}  // namespace pellucid
