use super::*;

fn point(n: f64, throughput: f64) -> Observation {
    Observation { n, throughput }
}

#[test]
fn reads_what_people_write() {
    let two = vec![point(1.0, 65.0), point(18.0, 996.5)];
    for text in [
        "1,65\n18,996.5\n",
        "n,throughput\n1,65\n18,996.5",
        "\u{feff}\"units\";\"rps\"\r\n1;65\r\n\r\n18;996.5\r\n",
        "# SPEC SDM91\n1\t65\n18\t996.5\n",
        "1;65\n18;996,5\n",
        "  1   65\n 18   996.5\n",
        "1 , 65\n18 , 996.5\n",
        "\"1\",\"65\"\n\"18\",\"996.5\"\n",
        "rps,nodes\n65,1\n996.5,18\n",
        "row,users,errors,req/s\n1,1,0,65\n2,18,3,996.5\n",
        ",n,throughput\n0,1,65\n1,18,996.5\n",
        "#,n,throughput\n1,1,65\n2,18,996.5\n",
        "# throughput n\n65 1\n996.5 18\n",
        "users,latency (ms),throughput,note\n1,3,65,\"warm, quiet\"\n18,\"1,2\",996.5,\n",
        "processors,result\n1,65\n18,996.5\n",
        "n,throughput,,\n1,65,,\n,,,\n18,996.5,,\n",
        "n;throughput\r1;65,0\r18;996,5\r",
        "n,x\n1,65\n  \n# noted later\n18,996.5\n",
    ] {
        assert_eq!(read(text), Ok(two.clone()), "{text}");
    }
    assert_eq!(read("\n# nothing\n"), Ok(vec![]));
    assert_eq!(read("n,throughput\n"), Ok(vec![]));
}

#[test]
fn thousands_are_read_rightly() {
    let two = vec![point(1.0, 64.9), point(36.0, 1652.0)];
    for text in [
        "1,64.9\n36,\"1,652\"\n",
        "1;64,9\n36;1 652\n",
        "1;64,9\n36;1.652\n",
        "1;64.9\n36;1,652\n",
        "1\t64.9\n36\t1 652\n",
        "1,64.9\n36,1'652\n",
    ] {
        assert_eq!(read(text), Ok(two.clone()), "{text}");
    }
}

#[test]
fn names_the_line_and_the_column_that_are_wrong() {
    for (text, line, column, word) in [
        ("n,x\n1,65\nfoo,bar\n", 3, Some(1), "'foo'"),
        ("1,65\n2\n", 2, Some(2), "missing"),
        ("1,65\n2,\n", 2, Some(2), "missing"),
        ("1,65\n,12\n", 2, Some(1), "n is missing"),
        ("n,x,p99\n1,65,3\n2,,4\n", 3, Some(2), "throughput is missing"),
        ("1,65\n0,12\n", 2, Some(1), "n is '0'"),
        ("1,-3\n", 1, Some(2), "'-3'"),
        ("1,NaN\n", 1, Some(2), "'NaN'"),
        ("1,1e999\n", 1, Some(2), "'1e999'"),
        ("n,x\nheader,again\n", 2, Some(1), "'header'"),
        // Two meanings.
        ("n;x\n1;65\n\n36;1,652\n", 4, Some(2), "can mean 1652 or 1.652"),
        ("n;x\n1;65\n36;1.652\n", 3, Some(2), "can mean 1.652 or 1652"),
        ("1;65,4\n2;99.5\n", 2, Some(2), "line 1 has '65,4'"),
        ("1,65\n2,\"99,5\"\n", 2, Some(2), "'99,5'"),
        ("1\t65\n2\t1,652\n", 2, Some(2), "'1,652'"),
        ("1\t65\n18 996.5\n", 2, Some(2), "split by tabs"),
        // Too many columns.
        ("1,1,65\n2,18,996\n", 1, Some(3), "no header"),
        ("1,65,4\n2,130,8\n", 1, Some(3), "decimal comma"),
        ("1,65\n2,130,8\n", 2, Some(3), "3 columns"),
        ("36 1 652\n", 1, Some(3), "no header"),
        // Names.
        ("foo,bar\n1,65\n", 1, None, "'foo', 'bar'"),
        ("x,y\n1,65\n", 1, None, "'x', 'y'"),
        ("\"\",throughput\n1,65\n", 1, None, "does not say"),
        ("# no data\n\nnodes,threads,rps\n1,2,65\n", 3, Some(2), "both name n"),
        ("n,rps,throughput\n1,2,65\n", 1, Some(3), "both name throughput"),
        ("a,b,throughput\n1,2,65\n", 1, None, "does not say"),
        // Quotes.
        ("n,x,note\n1,65,\"a\n2,99,b\n3,120,c\n", 2, Some(3), "does not close"),
        ("1,65\n\"1\"5,99\n", 2, None, "inside a cell"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.problem.contains(word), "{text}: {error}");
        assert!(
            column.is_none_or(
                |column| error.problem.contains("columns") || error.problem.contains(&format!("column {column}"))
            ),
            "{text}: {error}"
        );
    }
}

#[test]
fn too_many_points_are_refused() {
    let table: String = (1..=MOST_POINTS + 1).map(|n| format!("{n},5\n")).collect();
    assert_eq!(read(&table).unwrap_err().line, MOST_POINTS + 1);
}
