//! The page on a terminal, redrawn every second until `q`, Escape or Ctrl-C.

use super::look::Look;
use super::page::{self, Line, Tone};
use anyhow::Context;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Text};
use ratatui::widgets::Paragraph;
use ratatui::{DefaultTerminal, Frame};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Interval of the queries of the host, and of the draws of the page.
const EVERY: Duration = Duration::from_secs(1);
/// Poll interval of the keyboard.
const KEYS_EVERY: Duration = Duration::from_millis(100);

/// Shows the results of `look` until the user ends it; returns the exit code of the last result.
///
/// # Errors
/// If the terminal fails.
pub(super) fn run(look: impl Fn() -> Look + Send + 'static) -> anyhow::Result<ExitCode> {
    // Queries run on their own thread, so that `q` works while the host does not answer. The thread ends with the
    // channel.
    let (looks, seen) = sync_channel(1);
    let watch = move || {
        loop {
            let started = Instant::now();
            if looks.send(look()).is_err() {
                return;
            }
            std::thread::sleep(EVERY.saturating_sub(started.elapsed()));
        }
    };
    std::thread::Builder::new().name("status".to_owned()).spawn(watch).context("starting a thread")?;
    let mut terminal = ratatui::try_init().context("setting up the terminal; `--once` needs none")?;
    let shown = show(&mut terminal, &seen);
    let restored = ratatui::try_restore();
    let last = shown?;
    restored.context("restoring the terminal; run `reset`")?;
    Ok(last.map_or(ExitCode::SUCCESS, |look| look.exit_code()))
}

fn show(terminal: &mut DefaultTerminal, seen: &Receiver<Look>) -> anyhow::Result<Option<Look>> {
    let (mut last, mut since, mut drawn) = (None, Instant::now(), None::<Instant>);
    loop {
        match seen.try_recv() {
            Ok(look) => (last, since, drawn) = (Some(look), Instant::now(), None),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(last),
        }
        if drawn.is_none_or(|at| at.elapsed() >= EVERY) {
            terminal.draw(|frame| draw(frame, last.as_ref(), since.elapsed())).context("drawing the page")?;
            drawn = Some(Instant::now());
        }
        if event::poll(KEYS_EVERY).context("reading the terminal")? {
            match event::read().context("reading the terminal")? {
                Event::Key(key) if ends(key) => return Ok(last),
                Event::Resize(..) => drawn = None,
                _ => {}
            }
        }
    }
}

fn ends(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

fn draw(frame: &mut Frame<'_>, look: Option<&Look>, age: Duration) {
    let mut rows: Vec<Row<'_>> = match look {
        Some(look) => page::lines(look).into_iter().map(row).collect(),
        None => vec![Row::raw("querying the host ...")],
    };
    let late = if age > EVERY.saturating_mul(3) {
        format!("; the host has not answered for {} s", age.as_secs())
    } else {
        String::new()
    };
    let area = frame.area();
    // The last line is reserved for the key that ends the program.
    rows.truncate(usize::from(area.height.saturating_sub(1)));
    rows.push(Row::styled(format!("q ends{late}"), Style::new().add_modifier(Modifier::DIM)));
    frame.render_widget(Paragraph::new(Text::from(rows)), area);
}

fn row(line: Line) -> Row<'static> {
    let style = match line.tone {
        Tone::Title => Style::new().add_modifier(Modifier::BOLD),
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Bad => Style::new().fg(Color::Red),
    };
    Row::styled(line.text, style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    #[test]
    fn the_page_fits_any_terminal_and_says_how_to_leave() -> anyhow::Result<()> {
        let rows: Vec<_> = (0..50).map(|id| json!({ "id": id, "side": "BUY" })).collect();
        let snapshot = json!({ "bot": { "state": "RUNNING" }, "orders": rows, "positions": rows });
        let look = Look::Up { health: json!({}), snapshot, problems: Vec::new() };
        for (width, height) in [(120, 40), (20, 5), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height))?;
            terminal.draw(|frame| draw(frame, Some(&look), Duration::from_secs(9)))?;
            let shown = terminal.backend().to_string();
            assert!(width < 20 || shown.contains("q ends"), "{shown}");
            assert!(width < 120 || shown.contains("has not answered for 9 s"), "{shown}");
        }
        Ok(())
    }

    #[test]
    fn q_escape_and_control_c_end_it() {
        let key = |code, modifiers| ends(KeyEvent::new(code, modifiers));
        assert!(key(KeyCode::Char('q'), KeyModifiers::NONE) && key(KeyCode::Esc, KeyModifiers::NONE));
        assert!(key(KeyCode::Char('c'), KeyModifiers::CONTROL) && !key(KeyCode::Char('c'), KeyModifiers::NONE));
    }
}
