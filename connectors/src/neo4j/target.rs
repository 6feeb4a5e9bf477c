//! Neo4j as the target of a sink.

use super::chain::Link;
use super::changes::{Changes, identifier};
use super::cursor::SinkCursor;
use super::identifier::Identifier;
use super::interactions::{BEFORE, IN_INTERACTION, Projected, Projection};
use super::removal::{remove_piece, touched};
use super::session::{Row, Session, SessionError};
use super::statement::{EdgeRow, Statement, VertexRow};
use super::value::Value;
use crate::follow::{Followed, Held, Mark, Portion, Snapshot, Target, TargetError, Told};
use crate::store::StreamId;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Delta, Diff, Element, VertexKey};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Progress, Record};

/// Rises when the graph of a stream is to be told anew by a newer program.
const FORM: u32 = 1;

/// Rows of a statement: a snapshot has many, and each statement is a message that both sides hold in memory.
const ROWS: usize = 10_000;

/// What relationships are found by: their id, and when they begin.
const EDGE_INDEXES: [&[&str]; 2] = [&["vokg_id"], &["valid_from_us"]];

/// Writes portions as transactions of a session.
pub struct Neo4jTarget<S> {
    session: S,
    instance: String,
    has_interactions: bool,
    class_labels: usize,
    /// What of the schema was seen to since the last error; none before.
    schema: Option<Schema>,
}

/// What is known of the schema.
#[derive(Default)]
struct Schema {
    kinds: BTreeSet<Identifier>,
    /// Labels that are none of ours are taken for classes.
    classes: BTreeSet<String>,
}

impl<S: Session> Neo4jTarget<S> {
    /// A target for the log of the store so called; the others as in [`super::Neo4jConfig`].
    pub fn new(session: S, instance: [u8; 16], has_interactions: bool, class_labels: usize) -> Self {
        let instance = instance.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { session, instance, has_interactions, class_labels, schema: None }
    }

    /// Whether interactions are kept as vertices too.
    pub fn has_interactions(&self) -> bool {
        self.has_interactions
    }

    /// The form in which a stream's graph is written.
    fn form(&self) -> String {
        if self.has_interactions { format!("{FORM} with interactions") } else { FORM.to_string() }
    }

    /// Does something; after an error the schema is looked at anew, since the database may be another one.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, TargetError>) -> Result<T, TargetError> {
        let done = self.see_to_schema().and_then(|()| work(self));
        if done.as_ref().is_err_and(|error| !matches!(error, TargetError::Underway(_))) {
            self.session.roll_back();
            self.schema = None;
        }
        done
    }

    fn see_to_schema(&mut self) -> Result<(), TargetError> {
        if self.schema.is_some() {
            return Ok(());
        }
        let sink = identifier(Identifier::SINK)?;
        let mut statements = vec![Statement::Unique { label: sink, property: "stream" }];
        for label in VertexKey::LABELS.iter().chain([&Identifier::INTERACTION]) {
            statements.push(Statement::Unique { label: identifier(label)?, property: "vokg_id" });
        }
        let index = |label: &str, properties| Ok(Statement::VertexIndex { label: identifier(label)?, properties });
        statements.push(index("Object", &["first_seen_us", "last_seen_us"])?);
        if self.has_interactions {
            statements.push(index(Identifier::INTERACTION, &["valid_from_us", "valid_to_us"])?);
            let kind = identifier(IN_INTERACTION)?;
            statements.push(Statement::EdgeIndex { kind, properties: &["object", "valid_from_us"] });
            statements.push(Statement::EdgeIndex { kind: identifier(BEFORE)?, properties: &["vokg_id"] });
        }
        statements.push(Statement::AwaitIndexes);
        statements.iter().try_for_each(|statement| self.session.see_to(statement)).map_err(refusal)?;
        self.session.begin().map_err(refusal)?;
        let labels = self.session.run(&Statement::Labels).map_err(refusal)?;
        self.session.roll_back();
        let ours = |label: &str| {
            VertexKey::LABELS.contains(&label) || [Identifier::INTERACTION, Identifier::SINK].contains(&label)
        };
        let labels = labels.iter().filter_map(|row| row.get("label")?.as_text()).filter(|label| !ours(label));
        self.schema = Some(Schema { classes: labels.map(str::to_owned).collect(), ..Schema::default() });
        Ok(())
    }

    /// Sees to the indexes of these types of relationships.
    fn see_to_kinds(&mut self, kinds: &BTreeSet<Identifier>) -> Result<(), TargetError> {
        let known = self.schema.get_or_insert_default();
        let new: Vec<Identifier> = kinds.difference(&known.kinds).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        for kind in &new {
            for properties in EDGE_INDEXES {
                let statement = Statement::EdgeIndex { kind: kind.clone(), properties };
                self.session.see_to(&statement).map_err(refusal)?;
            }
        }
        self.session.see_to(&Statement::AwaitIndexes).map_err(refusal)?;
        known.kinds.extend(new);
        Ok(())
    }

    /// The label of a class, while there are few enough.
    fn class_label(&mut self, class: Option<&str>) -> Option<Identifier> {
        let label = Identifier::of_class(class?)?;
        let classes = &mut self.schema.get_or_insert_default().classes;
        if classes.contains(label.as_str()) {
            return Some(label);
        }
        if classes.len() >= self.class_labels {
            return None;
        }
        classes.insert(label.as_str().to_owned());
        Some(label)
    }

    fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, TargetError> {
        self.session.run(statement).map_err(refusal)
    }

    /// Runs a statement that touches one element per row, and sees that it did.
    fn run_on_all(&mut self, statement: &Statement, rows: usize, what: &str) -> Result<Vec<Row>, TargetError> {
        let answer = self.run(statement)?;
        let found = touched(&answer);
        if usize::try_from(found) == Ok(rows) {
            return Ok(answer);
        }
        Err(TargetError::Hopeless(format!(
            "{found} of {rows} {what} found what they rest on: somebody else has changed the graph; DETACH DELETE the \
             :VokgSink of the stream, and the sink tells it anew"
        )))
    }

    /// Locks the cursor of a stream and reads it.
    fn lock(&mut self, stream: &str) -> Result<Option<SinkCursor>, TargetError> {
        self.session.begin().map_err(refusal)?;
        self.run(&Statement::Lock { stream: stream.to_owned() })?;
        let rows = self.run(&Statement::Cursors { stream: Some(stream.to_owned()) })?;
        Ok(rows.first().and_then(SinkCursor::of_row))
    }

    /// The cursor of a stream that this sink may write to.
    fn refuse_others(&self, cursor: &SinkCursor) -> Result<(), TargetError> {
        if cursor.instance == self.instance {
            return Ok(());
        }
        Err(TargetError::Hopeless(format!(
            "{} in this database comes from another store, {}; name the stream otherwise, or use another database",
            cursor.stream, cursor.instance
        )))
    }

    /// Writes a portion, and what tells it from others where it is one of the log.
    fn write(&mut self, portion: &Portion<'_>, mark: Option<Mark>) -> Result<(), TargetError> {
        let stream = portion.stream;
        let changes = Changes::of(portion);
        let (vertices, edges) = (changes.vertices()?, changes.edges()?);
        let (gone_edges, gone_vertices) = (changes.gone_edges(), changes.gone_vertices());
        let kinds = edges.keys().map(|(kind, ..)| kind).chain(gone_edges.keys());
        let kinds = kinds.map(|kind| identifier(kind)).collect::<Result<_, _>>()?;
        self.see_to_kinds(&kinds)?;

        let cursor = self.lock(stream.name.as_str())?;
        let stands = cursor.as_ref().map(|cursor| (cursor.position, cursor.number, cursor.removing));
        if stands != portion.after.map(|after| (after, stream.id, false)) {
            cursor.as_ref().map_or(Ok(()), |cursor| self.refuse_others(cursor))?;
            return Err(TargetError::Again(format!("somebody else has moved the cursor of {}", stream.name)));
        }
        let projected = self.project(&changes)?;

        for (kind, gone) in gone_edges {
            let statement = Statement::DeleteEdges { kind: identifier(&kind)?, ids: gone.ids.clone() };
            self.remove_all(&statement, gone.certain, "edges that never were")?;
        }
        if let Some(Projected { gone, .. }) = projected.as_ref().filter(|projected| !projected.gone.is_empty()) {
            let label = identifier(Identifier::INTERACTION)?;
            self.run_on_all(&Statement::DeleteVertices { label, ids: gone.clone() }, gone.len(), "interactions")?;
        }
        for ((label, class), rows) in vertices {
            let class = self.class_label(class);
            rows.chunks(ROWS).try_for_each(|rows| self.merge_vertices(label, class.clone(), rows.to_vec()))?;
        }
        for ((kind, from, to), rows) in edges {
            rows.chunks(ROWS).try_for_each(|rows| self.merge_edges(&kind, from, to, rows.to_vec()))?;
        }
        if let Some(projected) = projected {
            self.write_projected(projected)?;
        }
        for (label, gone) in gone_vertices {
            let statement = Statement::DeleteVertices { label: identifier(label)?, ids: gone.ids.clone() };
            self.remove_all(&statement, gone.certain, "vertices that never were")?;
        }

        let cursor = SinkCursor {
            stream: stream.name.to_string(),
            instance: self.instance.clone(),
            number: stream.id,
            position: portion.last(),
            frontier_us: changes.frontier_us(),
            form: self.form(),
            mark,
            removing: false,
        };
        self.run_on_all(&Statement::SetCursor(cursor), 1, "cursors")?;
        self.session.commit().map_err(refusal)
    }

    /// Removes what is there, which must be this much at least.
    fn remove_all(&mut self, statement: &Statement, certain: usize, what: &str) -> Result<(), TargetError> {
        let found = touched(&self.run(statement)?);
        if usize::try_from(found).is_ok_and(|found| found >= certain) {
            return Ok(());
        }
        Err(TargetError::Hopeless(format!(
            "{found} of {certain} {what} were there: somebody else has changed the graph; DETACH DELETE the :VokgSink of \
             the stream, and the sink tells it anew"
        )))
    }

    fn merge_vertices(
        &mut self,
        label: &str,
        class: Option<Identifier>,
        rows: Vec<VertexRow>,
    ) -> Result<(), TargetError> {
        let count = rows.len();
        let statement = Statement::MergeVertices { label: identifier(label)?, class: class.clone(), rows };
        let answer = self.run_on_all(&statement, count, "vertices")?;
        // What an object was thought to be is no longer its label.
        let mut stale: BTreeMap<Identifier, Vec<String>> = BTreeMap::new();
        let Some(Value::List(changed)) = answer.first().and_then(|row| row.get("changed")) else { return Ok(()) };
        for pair in changed {
            let Value::List(pair) = pair else { continue };
            let (Some(id), Some(before)) =
                (pair.first().and_then(Value::as_text), pair.get(1).and_then(Value::as_text))
            else {
                continue;
            };
            if let Some(label) = Identifier::of_class(before).filter(|label| Some(label) != class.as_ref()) {
                stale.entry(label).or_default().push(id.to_owned());
            }
        }
        stale.into_iter().try_for_each(|(label, ids)| self.run(&Statement::RemoveLabel { label, ids }).map(drop))
    }

    fn merge_edges(&mut self, kind: &str, from: &str, to: &str, rows: Vec<EdgeRow>) -> Result<(), TargetError> {
        let kind = identifier(kind)?;
        // Found by their index: to look among the edges of an object would take as long as it has edges.
        let answer = self.run(&Statement::UpdateEdges { kind: kind.clone(), rows: rows.clone() })?;
        let mut found = BTreeSet::new();
        if let Some(Value::List(ids)) = answer.first().and_then(|row| row.get("found")) {
            found.extend(ids.iter().filter_map(Value::as_text));
        }
        let absent: Vec<EdgeRow> = rows.into_iter().filter(|row| !found.contains(row.id.as_str())).collect();
        self.create_edges(kind, from, to, absent)
    }

    fn create_edges(&mut self, kind: Identifier, from: &str, to: &str, rows: Vec<EdgeRow>) -> Result<(), TargetError> {
        if rows.is_empty() {
            return Ok(());
        }
        let count = rows.len();
        let statement = Statement::CreateEdges { kind, from: identifier(from)?, to: identifier(to)?, rows };
        self.run_on_all(&statement, count, "edges").map(drop)
    }

    /// What changes in the projection, where there is one.
    fn project(&mut self, changes: &Changes<'_>) -> Result<Option<Projected>, TargetError> {
        let ids = Projection::ids(changes);
        if !self.has_interactions || ids.is_empty() {
            return Ok(None);
        }
        let rows = self.run(&Statement::Interactions { ids })?;
        // One whose time somebody else has removed is there as well, and is made anew.
        let from_us = |row: &Row| row.get("from_us").and_then(Value::as_integer).unwrap_or(i64::MIN);
        let begun = rows.iter().filter_map(|row| Some((row.get("id")?.as_text()?.to_owned(), from_us(row))));
        let projection = Projection::new(changes, begun.collect());
        let since = projection.since();
        let mut stretches: BTreeMap<String, BTreeSet<Link>> = BTreeMap::new();
        for statement in [Statement::ChainBefore { since: since.clone() }, Statement::ChainFrom { since }] {
            for row in self.run(&statement)? {
                let text = |name: &str| row.get(name)?.as_text().map(str::to_owned);
                let number = |name: &str| row.get(name)?.as_integer();
                let (Some(object), Some(id), Some(from_us)) = (text("object"), text("id"), number("from_us")) else {
                    continue;
                };
                stretches.entry(object).or_default().insert(Link { from_us, id, to_us: number("to_us") });
            }
        }
        let stretches = stretches.into_iter().map(|(object, links)| (object, links.into_iter().collect())).collect();
        projection.projected(&stretches).map(Some)
    }

    fn write_projected(&mut self, projected: Projected) -> Result<(), TargetError> {
        let (before, label) = (identifier(BEFORE)?, Identifier::INTERACTION);
        for rows in projected.changed.chunks(ROWS) {
            self.merge_vertices(label, None, rows.to_vec())?;
        }
        for ((from, to), rows) in projected.new {
            for rows in rows.chunks(ROWS) {
                let (from, to, rows) = (identifier(from)?, identifier(to)?, rows.to_vec());
                let count = rows.len();
                self.run_on_all(&Statement::CreateInteractions { from, to, rows }, count, "interactions")?;
            }
        }
        if !projected.before_gone.is_empty() {
            let (certain, ids) = (projected.before_gone.len(), projected.before_gone);
            self.remove_all(&Statement::DeleteEdges { kind: before.clone(), ids }, certain, "BEFORE")?;
        }
        if !projected.before_changed.is_empty() {
            self.run(&Statement::UpdateEdges { kind: before.clone(), rows: projected.before_changed })?;
        }
        projected
            .before_new
            .chunks(ROWS)
            .try_for_each(|rows| self.create_edges(before.clone(), label, label, rows.to_vec()))
    }

    /// Removes one piece of a stream in a transaction; whether nothing is left.
    fn remove_one(&mut self, stream: &str) -> Result<bool, TargetError> {
        let cursor = self.lock(stream)?;
        cursor.as_ref().map_or(Ok(()), |cursor| self.refuse_others(cursor))?;
        let is_done = !remove_piece(&mut self.session, stream)?;
        if is_done {
            self.run(&Statement::DropCursor { stream: stream.to_owned() })?;
        } else if let Some(cursor) = cursor.filter(|cursor| !cursor.removing) {
            self.run(&Statement::SetCursor(SinkCursor { removing: true, ..cursor }))?;
        }
        self.session.commit().map_err(refusal)?;
        Ok(is_done)
    }
}

impl<S: Session> Target for Neo4jTarget<S> {
    fn told(&mut self, stream: &Followed) -> Result<Option<Told>, TargetError> {
        self.attempt(|own| {
            let name = stream.name.as_str();
            own.session.begin().map_err(refusal)?;
            let rows = own.run(&Statement::Cursors { stream: Some(name.to_owned()) })?;
            own.session.roll_back();
            let Some(cursor) = rows.first().and_then(SinkCursor::of_row) else {
                // What stands there without a cursor, nobody keeps right.
                return match own.remove_one(name)? {
                    true => Ok(None),
                    false => Err(TargetError::Underway(format!("what stands of {name} without a cursor is removed"))),
                };
            };
            own.refuse_others(&cursor)?;
            if cursor.removing || cursor.number != stream.id || cursor.form != own.form() {
                return Err(TargetError::Again(format!("{name} is to be removed first")));
            }
            Ok(Some(Told { at: cursor.position, mark: cursor.mark }))
        })
    }

    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError> {
        self.attempt(|own| own.write(portion, Some(portion.mark())))
    }

    /// A portion that states every element, in place of those that led there.
    fn snapshot(&mut self, snapshot: &Snapshot<'_>) -> Result<(), TargetError> {
        let entries = entries_of(snapshot);
        let portion = Portion { stream: snapshot.stream, after: None, entries: &entries, refused: &BTreeSet::new() };
        self.attempt(|own| own.write(&portion, None))
    }

    fn held(&mut self) -> Result<Option<Held>, TargetError> {
        self.attempt(|own| {
            own.session.begin().map_err(refusal)?;
            let rows = own.run(&Statement::Cursors { stream: None })?;
            own.session.roll_back();
            let form = own.form();
            let cursors = rows.iter().filter_map(SinkCursor::of_row).filter(|cursor| cursor.instance == own.instance);
            let held = cursors.filter_map(|cursor| {
                let goes_on = !cursor.removing && cursor.form == form;
                Some((StreamName::new(&cursor.stream).ok()?, goes_on.then_some(cursor.number)))
            });
            Ok(Some(held.collect::<BTreeMap<StreamName, Option<StreamId>>>()))
        })
    }

    fn remove(&mut self, stream: &StreamName) -> Result<bool, TargetError> {
        self.attempt(|own| own.remove_one(stream.as_str()))
    }
}

/// The elements of a graph as if they had been stated at once. What caused them is not told.
fn entries_of(snapshot: &Snapshot<'_>) -> Vec<LogEntry> {
    let Snapshot { at, t, graph, .. } = *snapshot;
    let vertices = graph.vertices.iter().map(|(key, vertex)| Element::Vertex(*key, vertex.clone()));
    let elements = vertices.chain(graph.edges.values().cloned().map(Element::Edge));
    let deltas = elements.map(|element| Record::Delta(Delta { t, diff: Diff::Assert, element, caused_by: None }));
    let frontier = Some(t.saturating_add(1));
    let progress = Record::Progress(Progress { lower: 0, frontier, settled_us: 0, count: 0 });
    deltas.chain([progress]).map(|record| LogEntry { epoch: at.epoch, seq: at.seq, record }).collect()
}

pub(super) fn refusal(error: SessionError) -> TargetError {
    match error {
        SessionError::Again(reason) => TargetError::Again(reason),
        SessionError::Hopeless(reason) => TargetError::Hopeless(reason),
    }
}
